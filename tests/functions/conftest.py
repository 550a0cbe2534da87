"""Stand-ins that the tests of the functions share."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from functions.kit.database import Database
from local_stack.ports import HOST
from tests.functions.engine import Engine, running
from tests.functions.sink import Sink


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
async def sink() -> AsyncIterator[Sink]:
    """A running mail server."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(sink.protocol, HOST, 0)
    sink.port = server.sockets[0].getsockname()[1]
    yield sink
    server.close()
