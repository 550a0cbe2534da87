"""Whether an order costs more when there are many, and a read after many messages.

Two databases of one server, one with few orders and one with many, take turns. Nothing else runs
on that server, and it does not wait for the disk: this is about the work, not about the machine.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import psycopg

from benchmarks import cpu
from benchmarks.report import Report, percentile
from benchmarks.shop import SQL, execute, open_shop
from local_stack.postgres.cluster import SUPERUSER
from local_stack.testing import databases

_FEW, _MANY = 1_000, 100_000
_AT_ONCE = 10
_TURNS = 24
_WARM_UP = 4
_BATCHES = 8
_MESSAGES_PER_SECOND = 200
_MINUTES = float(os.environ.get("BENCH_MINUTES", "10"))


@dataclass
class Shop:
    """A database with orders in it, and what one more costs there."""

    url: str
    times: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def fill(self, orders: int) -> None:
        """Add completed orders. Triggers stay silent, which only the superuser may ask for."""
        open_shop(self.url)
        for file in ("placing.sql", "growth.sql"):
            execute(self.url, (SQL / file).read_text("utf-8"))
        execute(self.url, "call bench.promise(true)")
        superuser = self.url.replace("//postgres:", f"//{SUPERUSER}:")
        execute(superuser, f"call bench.fill({orders:d})")
        for statement in ("vacuum analyze", "checkpoint"):
            execute(superuser, statement)

    def turn(self) -> None:
        """Some orders, placed, claimed and finished twice: ms of time, ms of CPU, per order."""
        orders = _BATCHES * _AT_ONCE
        with psycopg.connect(self.url, autocommit=True) as connection:
            [server] = connection.execute("select pg_backend_pid()").fetchone() or (0,)
            connection.execute(f"call bench.round({_AT_ONCE:d})".encode())
            spent, begun = cpu.of_process(server), time.perf_counter()
            for _ in range(_BATCHES):
                connection.execute(f"call bench.round({_AT_ONCE:d})".encode())
            self.times.append((time.perf_counter() - begun) * 1000 / orders)
            self.cpu.append((cpu.of_process(server) - spent) * 1000 / orders)


def take_turns(few: Shop, many: Shop) -> None:
    """Forth and back; the first turns warm up."""
    for number in range(_WARM_UP + _TURNS):
        for shop in (few, many) if number % 2 else (many, few):
            shop.turn()
        if number == _WARM_UP - 1:
            for shop in (few, many):
                shop.times.clear()
                shop.cpu.clear()


def read_times(url: str) -> Iterator[float]:
    """Milliseconds of each read, while messages come and go at a steady pace."""
    with psycopg.connect(url, autocommit=True) as connection:
        begun = due = said = time.monotonic()
        while time.monotonic() < begun + _MINUTES * 60:
            yield _read(connection)
            due += _AT_ONCE / _MESSAGES_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() > said + 60:
                said = time.monotonic()
                print(f"  {said - begun:.0f} s of messages", flush=True)


def _read(connection: psycopg.Connection) -> float:
    """Send some, read as many, delete them; only the read is timed."""
    connection.execute(
        "select pgmq.send_batch('bench_a', array("
        "select jsonb_build_object('number', n) from generate_series(1, %s) as n))",
        (_AT_ONCE,),
    )
    begun = time.perf_counter()
    rows = connection.execute(
        "select msg_id from pgmq.read('bench_a', 60, %s)", (_AT_ONCE,)
    ).fetchall()
    taken = (time.perf_counter() - begun) * 1000
    connection.execute("select pgmq.delete('bench_a', %s)", ([row[0] for row in rows],))
    return taken


def main() -> None:
    """Measure on databases of its own and print the table."""
    report = Report("With many orders, and after many messages")
    with databases() as server, server.clone() as first, server.clone() as second:
        few, many = Shop(first), Shop(second)
        few.fill(_FEW)
        many.fill(_MANY)
        print("  filled", flush=True)
        take_turns(few, many)
        reads = list(read_times(first))
    report.add(f"an order with {_FEW:,} before it", median(few.times), "ms")
    report.add(f"an order with {_MANY:,} before it", median(many.times), "ms")
    ratio = median(b / a for a, b in zip(few.times, many.times, strict=True))
    report.add("time, many / few", ratio, "x", at_most=1.1)
    report.add("CPU, many / few", sum(many.cpu) / sum(few.cpu), "x", at_most=1.1)
    report.add("read of 10 messages, p50", percentile(reads, 50), "ms")
    report.add("read of 10 messages, p99", percentile(reads, 99), "ms", at_most=25)
    report.show()
