"""Stand-ins that the tests of the functions share."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from functions.kit.database import Database
from functions.kit.worker import Worker
from functions.orders.payments import Payments
from local_stack.ports import HOST
from tests.functions.double import Stripe
from tests.functions.double import running as double_running
from tests.functions.engine import Engine, running
from tests.functions.sink import Sink
from tests.functions.working import Make, worker_of


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """A running stand-in of the database's verbs."""
    async with running(Engine()) as engine:
        yield engine


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    """A client of the stand-in."""
    async with Database.connect(engine.settings()) as database:
        yield database


@pytest.fixture
async def work(database: Database) -> AsyncIterator[Make]:
    """Makes workers of the stand-in, and stops them."""
    made: list[Worker] = []
    yield partial(worker_of, database, made)
    for worker in made:
        await worker.stop(1)


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Stripe]:
    """A running double of Stripe."""
    async with double_running(tmp_path) as double:
        yield double


@pytest.fixture
async def payments(double: Stripe) -> AsyncIterator[Payments]:
    """A client of the double."""
    async with double.payments() as payments:
        yield payments


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A running mail server."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(sink.protocol, HOST, 0)
    sink.port = server.sockets[0].getsockname()[1]
    yield sink
    server.close()
