"""How fast orders are placed: in the database itself, and over HTTP.

The peer is a lean order in one function with a message for each of three queues, on tables of its
own. pgbench makes the load; it comes with PostgreSQL's server package of most systems.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import cpu
from benchmarks.report import Report
from benchmarks.shop import SQL, execute, open_shop, token
from benchmarks.stack import stack
from local_stack.ports import HOST
from local_stack.settings import REPOSITORY, Settings

_CLIENTS = 16
_ROUNDS = 4
_SECONDS = 2
_TOKENS = 64

Arm = Callable[[Settings], float]
Rounds = Mapping[str, Sequence[float]]
"""Orders per second by arm, one value per round."""


def pgbench() -> str:
    """The program, with the newest of Debian's versions first."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)
    program = next(map(str, versions), None) or shutil.which("pgbench")
    if program is None:
        sys.exit("placing: pgbench is missing. Install PostgreSQL's server or contrib package.")
    return program


def calling(way: str) -> Arm:
    """Orders per second by `bench.<way>`, called by pgbench."""

    def arm(settings: Settings) -> float:
        with tempfile.NamedTemporaryFile("w", suffix=".pgbench") as script:
            text = (SQL / "placing.pgbench").read_text("utf-8")
            script.write(text.format(way=way))
            script.flush()
            return _transactions_per_second(settings, script.name)

    return arm


def _transactions_per_second(settings: Settings, script: str) -> float:
    options = [f"--client={_CLIENTS}", "--jobs=1", f"--time={_SECONDS}", "--no-vacuum"]
    result = subprocess.run(  # noqa: S603 - a known program and our own arguments
        [pgbench(), *options, "--protocol=prepared", f"--file={script}", "postgres"],
        env=os.environ
        | {
            "PGHOST": HOST,
            "PGPORT": str(settings.ports.postgres),
            "PGUSER": "postgres",
            "PGPASSWORD": settings.keys.database_password,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in result.stdout.splitlines() if line.startswith("tps = ")]
    return float(line.split()[2])


def unpromised(settings: Settings) -> float:
    """Ours while no worker has promised to look again, so that wake-ups are sent."""
    execute(settings, "call bench.promise(false)")
    try:
        return calling("ours")(settings)
    finally:
        execute(settings, "call bench.promise(true)")


def over_http(settings: Settings, *, legacy: bool = False) -> float:
    """Ours through PostgREST, as signed-in shoppers."""
    tokens = [token(settings, number, legacy=legacy) for number in range(_TOKENS)]
    address = {"host": HOST, "port": settings.ports.rest}
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.order_load"],
        cwd=REPOSITORY,
        input=json.dumps(address | {"tokens": tokens, "seconds": _SECONDS}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(json.loads(result.stdout)["per_second"])


ARMS: Mapping[str, Arm] = {
    "plain": calling("plain"),
    "ours": calling("ours"),
    "ours with three pgmq.send": calling("ours_sending"),
    "ours without wake-ups": calling("ours_silent"),
    "ours while wake-ups are sent": unpromised,
    "ours over HTTP": over_http,
    "ours over HTTP, HS256": partial(over_http, legacy=True),
}


def measure(settings: Settings, costs: dict[str, list[float]]) -> Rounds:
    """All arms, forth and back; the first time warms up."""
    rounds: dict[str, list[float]] = defaultdict(list)
    for number, name in enumerate(_order()):
        before = cpu.used(settings)
        rate = ARMS[name](settings)
        spent = cpu.since(before, settings)
        execute(settings, "call bench.empty_queues()")
        if number >= len(ARMS):
            rounds[name].append(rate)
            costs[name].append(spent["postgres"] / (rate * _SECONDS) * 1000)
        print(f"  {name}: {rate:,.0f} orders/s", flush=True)
    return rounds


def _order() -> Iterator[str]:
    for turn in range(_ROUNDS + 1):
        yield from list(ARMS) if turn % 2 else reversed(list(ARMS))


def _ratio(rounds: Rounds, ours: str, peer: str) -> float:
    return median(a / b for a, b in zip(rounds[ours], rounds[peer], strict=True))


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report(f"Placing orders, {_CLIENTS} at a time")
    costs: dict[str, list[float]] = defaultdict(list)
    with stack(without=["functions"]) as started:
        open_shop(started.settings)
        execute(started.settings, (SQL / "placing.sql").read_text("utf-8"))
        execute(started.settings, "call bench.promise(true)")
        rounds = measure(started.settings, costs)
    for name in ARMS:
        report.add(name, median(rounds[name]), "orders/s")
        report.add("  CPU of PostgreSQL", median(costs[name]), "ms/order")
    report.add("ours / plain", _ratio(rounds, "ours", "plain"), "x")
    sending = _ratio(rounds, "ours", "ours with three pgmq.send")
    report.add("ours / ours with three pgmq.send", sending, "x", at_least=1.6)
    woken = _ratio(rounds, "ours", "ours without wake-ups")
    report.add("ours / ours without wake-ups", woken, "x", at_least=0.95)
    sent = _ratio(rounds, "ours while wake-ups are sent", "ours without wake-ups")
    report.add("ours while wake-ups are sent / without", sent, "x", at_least=0.95)
    http = _ratio(rounds, "ours over HTTP", "plain")
    report.add("ours over HTTP / plain in the database", http, "x", at_least=0.6)
    legacy = _ratio(rounds, "ours over HTTP, HS256", "plain")
    report.add("  with tokens that are cheaper to check (HS256)", legacy, "x")
    report.show()
