"""DBOS: a durable workflow per order on a queue, a checkpointed step per effect.

A step records what it did before its checkpoint; a second run of it finds that and does nothing.
"""

import asyncio

import sqlalchemy as sa
import uvloop
from dbos import DBOS, DBOSClient, DBOSConfig
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers.effects import CONCURRENCY, POOL, STEPS, Effects, call_of_place, paced

_QUEUE = "orders"
_WORKFLOW = "process_order"
_POLLING_SECONDS = 0.05
"""The default of 1 s would start no more than 40 orders a second, and each after half a second."""


def _url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def _config(url: str) -> DBOSConfig:
    return {
        "name": "bench",
        "system_database_url": _url(url),
        "application_version": "bench",
        "sys_db_pool_size": POOL,
        "log_level": "WARNING",
    }


def set_up(url: str) -> None:
    """Make the tables."""
    DBOS(config=_config(url))
    DBOS.launch()
    DBOS.register_queue(
        _QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=_POLLING_SECONDS
    )
    DBOS.destroy()


def place(url: str, count: int, pause: float) -> None:
    """The workflow is enqueued in the transaction of its order."""
    engine = sa.create_engine(_url(url))
    client = DBOSClient(system_database_url=_url(url))
    query = sa.text("select bench.ours(cast(:buyer as uuid), cast(:items as jsonb))")
    for _ in paced(count, pause):
        buyer, items = call_of_place()
        with engine.begin() as connection:
            placed = connection.execute(query, {"buyer": buyer, "items": items}).scalar_one()
            client.enqueue_in_transaction(
                connection, {"queue_name": _QUEUE, "workflow_name": _WORKFLOW}, str(placed)
            )
    client.destroy()


async def _work(url: str) -> None:
    effects = Effects()
    pool = AsyncConnectionPool(
        url, min_size=POOL, max_size=POOL, kwargs={"autocommit": True}, open=False
    )
    await pool.open(wait=True)

    @DBOS.step()
    async def perform(step: str, order_id: str) -> None:
        async with pool.connection() as connection:
            cursor = await connection.execute("select bench.job(%s, %s)", (step, order_id))
            [job] = await cursor.fetchone() or ()
        data = await effects.perform(step, job)
        async with pool.connection() as connection:
            await connection.execute(
                "select bench.record(%s, %s, %s)", (step, order_id, Jsonb(data))
            )

    @DBOS.workflow(name=_WORKFLOW)
    async def process_order(order_id: str) -> None:
        for step in STEPS:
            await perform(step, order_id)

    DBOS(config=_config(url))
    DBOS.launch()
    await DBOS.register_queue_async(
        _QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=_POLLING_SECONDS
    )
    await asyncio.Event().wait()


def work(url: str) -> None:
    """Until a signal comes."""
    uvloop.run(_work(url))
