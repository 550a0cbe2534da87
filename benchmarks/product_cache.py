"""GET /products/{id} with and without its cache: requests per second, and reads of the database."""

import asyncio
import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

import aiohttp
import psycopg
import uvloop

from benchmarks.lean_load import answers_per_second
from benchmarks.processes import running
from benchmarks.report import Report
from benchmarks.stack import stack
from local_stack.ports import HOST
from local_stack.postgres.cluster import SUPERUSER
from local_stack.settings import Settings

_ROUNDS = 5
_SECONDS = 2.0
_PRODUCTS = 1000
_REQUESTS = 20_000
_IN_FLIGHT = 16
_EDITS = 20
_SEED = 1
_APP = ("uvicorn", "functions.api.main:app", "--no-access-log", "--no-proxy-headers")
_NO_LIMIT = {"ANONYMOUS_REQUESTS_PER_MINUTE": "1000000000"}
_MAKE = """
insert into public.products (slug, name, description, price, currency)
select 'bench-' || n, 'Product ' || n, repeat('What it is good for. ', 20), 1000 + n, 'EUR'
from generate_series(1, %s) as n
returning id::text
"""
_READS = """
select coalesce(sum(calls), 0) from pg_stat_user_functions
where schemaname = 'engine' and funcname in ('read_product', 'product_changes')
"""


def main() -> None:
    """Measure on a stack of its own and print the tables."""
    report = Report("Products from the cache")
    with stack() as started:
        products = _prepare(started.settings)
        with (
            _api(started.settings, {"PRODUCT_CACHE_SECONDS": "0"}) as uncached,
            _api(started.settings, {}) as cached,
        ):
            _compare(
                report, f"{uncached}/products/{products[0]}", f"{cached}/products/{products[0]}"
            )
            _count(report, started.settings, cached, products)
    report.show()


def _compare(report: Report, uncached: str, cached: str) -> None:
    """One product that all want, 16 at a time."""
    without, through = [], []
    for _ in range(_ROUNDS):
        without.append(answers_per_second(uncached, _SECONDS))
        through.append(answers_per_second(cached, _SECONDS))
    report.add("read from the database each time, 16 in flight", median(without), "requests/s")
    report.add("from the cache, 16 in flight", median(through), "requests/s")
    ratio = median(ours / peer for ours, peer in zip(through, without, strict=True))
    report.add("cached / uncached", ratio, "x", at_least=10)


def _count(report: Report, settings: Settings, address: str, products: Sequence[str]) -> None:
    """Many products, by Zipf's law: the n-th is asked for 1/n as often as the first."""
    weights = [1 / rank for rank in range(1, len(products) + 1)]
    wanted = random.Random(_SEED).choices(products, weights, k=_REQUESTS)  # noqa: S311 - a load
    before = _reads(settings)
    begun = time.perf_counter()
    uvloop.run(_ask(settings, address, wanted))
    seconds = time.perf_counter() - begun
    share = (_reads(settings) - before) / _REQUESTS
    report.add(f"{_PRODUCTS} products by Zipf, with edits", _REQUESTS / seconds, "requests/s")
    report.add("of them, reads saved", 100 * (1 - share), "%", at_least=90)


async def _ask(settings: Settings, address: str, wanted: Sequence[str]) -> None:
    """All of them, from an empty cache on, while some products are edited."""
    left = iter(enumerate(wanted))

    async def caller(session: aiohttp.ClientSession) -> None:
        for number, product in left:
            if number % (len(wanted) // _EDITS) == 0:
                await asyncio.to_thread(_edit, settings, product)
            async with session.get(f"{address}/products/{product}") as answer:
                await answer.read()
                answer.raise_for_status()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session) for _ in range(_IN_FLIGHT)))


def _edit(settings: Settings, product: str) -> None:
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        connection.execute("update public.products set price = price + 1 where id = %s", (product,))


def _prepare(settings: Settings) -> list[str]:
    """The products, in a database that counts calls of functions."""
    with psycopg.connect(settings.database_url(SUPERUSER), autocommit=True) as connection:
        connection.execute("alter system set track_functions = 'all'")
        connection.execute("select pg_reload_conf()")
        return [row[0] for row in connection.execute(_MAKE, (_PRODUCTS,)).fetchall()]


def _reads(settings: Settings) -> int:
    """Of products and of changes. What was counted is told within a second, once all is quiet."""
    time.sleep(2)
    with psycopg.connect(settings.database_url(SUPERUSER), autocommit=True) as connection:
        [reads] = connection.execute(_READS).fetchone() or (0,)
    return int(reads)


@contextmanager
def _api(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """The API in a process of its own; its address."""
    port = _free_port()
    arguments = (*_APP, "--log-level=warning", f"--host={HOST}", f"--port={port}")
    with running(settings, *arguments, **_NO_LIMIT, **environment):
        address = f"http://{HOST}:{port}"
        uvloop.run(_until_healthy(address))
        yield address


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def _until_healthy(address: str) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{address}/health/ready") as answer:
                    answer.raise_for_status()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
