"""Procrastinate: a task per step, which defers the next ones in the transaction of its record."""

import asyncio
import logging

import uvloop
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from psycopg import AsyncConnection, connect
from psycopg.types.json import Jsonb

from benchmarks.peers.effects import (
    CONCURRENCY,
    FIRST,
    FOLLOWERS,
    POOL,
    Effects,
    call_of_place,
    paced,
)


def set_up(url: str) -> None:
    """Make the tables."""

    async def apply() -> None:
        app = App(connector=PsycopgConnector(conninfo=url))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(apply())


def place(url: str, count: int, pause: float) -> None:
    """The first task is deferred in the transaction of its order."""
    app = App(connector=SyncPsycopgConnector(conninfo=url))
    with app.open(), connect(url) as connection:
        for _ in paced(count, pause):
            row = connection.execute("select bench.ours(%s, %s)", call_of_place()).fetchone()
            assert row
            task = app.configure_task(FIRST, queue="orders", connection=connection)
            task.defer(order_id=str(row[0]))
            connection.commit()


async def _work(url: str) -> None:
    effects = Effects()
    connector = PsycopgConnector(conninfo=url, min_size=POOL, max_size=POOL)
    app = App(connector=connector)

    async def perform(step: str, order_id: str) -> None:
        async with connector.pool.connection() as connection:
            cursor = await connection.execute("select bench.job(%s, %s)", (step, order_id))
            [job] = await cursor.fetchone() or ()
        data = await effects.perform(step, job)
        async with connector.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "select bench.record(%s, %s, %s)", (step, order_id, Jsonb(data))
            )
            await follow(step, order_id, connection)

    async def follow(step: str, order_id: str, connection: AsyncConnection) -> None:
        for follower in FOLLOWERS.get(step, ()):
            task = app.configure_task(follower, queue="orders", connection=connection)
            await task.defer_async(order_id=order_id)

    @app.task(name="charge", queue="orders")
    async def charge(order_id: str) -> None:
        await perform("charge", order_id)

    @app.task(name="confirm", queue="orders")
    async def confirm(order_id: str) -> None:
        await perform("confirm", order_id)

    @app.task(name="ship", queue="orders")
    async def ship(order_id: str) -> None:
        await perform("ship", order_id)

    @app.task(name="announce", queue="orders")
    async def announce(order_id: str) -> None:
        await perform("announce", order_id)

    async with app.open_async():
        await app.run_worker_async(queues=["orders"], concurrency=CONCURRENCY)


def work(url: str) -> None:
    """Until a signal comes."""
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(_work(url))
