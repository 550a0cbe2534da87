"""pgqueuer: an entrypoint per step, which enqueues the next in the transaction of its record."""

import asyncio
import json
import logging

import asyncpg  # type: ignore[import-untyped]  # it has no types
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.effects import (
    CONCURRENCY,
    FIRST,
    FOLLOWERS,
    POOL,
    Effects,
    call_of_place,
    decode,
    paced,
)

_BATCH = CONCURRENCY // 2
"""The most that it allows at this concurrency."""


def set_up(url: str) -> None:
    """Make the tables."""

    async def install() -> None:
        connection = await asyncpg.connect(url)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    asyncio.run(install())


def place(url: str, count: int, pause: float) -> None:
    """The first job is enqueued in the transaction of its order."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        queries = Queries(AsyncpgDriver(connection))
        for _ in paced(count, pause):
            buyer, items = call_of_place()
            async with connection.transaction():
                placed = await connection.fetchval(
                    "select bench.ours($1, $2)", buyer, json.dumps(items.obj)
                )
                await queries.enqueue(FIRST, str(placed).encode())
        await connection.close()

    asyncio.run(run())


async def _work(url: str) -> None:
    effects = Effects()
    pool = await asyncpg.create_pool(url, min_size=POOL, max_size=POOL)
    worker = PgQueuer.from_asyncpg_pool(pool)

    async def perform(job: Job) -> None:
        assert job.payload
        step, order_id = job.entrypoint, job.payload.decode()
        work = decode(await pool.fetchval("select bench.job($1, $2)", step, order_id))
        data = await effects.perform(step, work)
        async with pool.acquire() as connection, connection.transaction():
            query = "select bench.record($1, $2, $3)"
            await connection.execute(query, step, order_id, json.dumps(data))
            followers = list(FOLLOWERS.get(step, ()))
            if followers:
                # The pool's own connection, so that the job is there if the record is.
                await Queries(AsyncpgDriver(connection)).enqueue(
                    followers, [job.payload] * len(followers), [0] * len(followers)
                )

    for step in ("charge", "confirm", "ship", "announce"):
        worker.entrypoint(step)(perform)
    await worker.run(batch_size=_BATCH, max_concurrent_tasks=CONCURRENCY)


def work(url: str) -> None:
    """Until a signal comes."""
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(_work(url))
