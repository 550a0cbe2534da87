"""What a process keeps from event to event, and that nothing is left to do when it is frozen."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions.aws.environment import Environment
from functions.kit.app import Function, Running, create_app
from functions.kit.database import Database
from functions.kit.queue import Queue
from functions.kit.worker import Effect, Worker
from tests.aws.documents import Event, document, request
from tests.aws.runtime import Context
from tests.functions.engine import Engine, message
from tests.functions.working import succeed

WAKE = document("s3_test")
"""Asks nothing of the database, and wakes the worker."""


class Process:
    """A process of Lambda in this one: a thread, whose event loop stands still between events."""

    def __init__(self, engine: Engine, effect: Effect) -> None:
        self.now = 1_700_000_000.0
        self.opened: list[str] = []
        self.lifespans: list[bool] = []
        function = Function("orders", self._open)
        self._effect = effect
        self._environment = Environment(
            create_app("orders", engine.settings(), function), lambda: self.now
        )

    @asynccontextmanager
    async def _open(self, database: Database) -> AsyncIterator[Running]:
        self.lifespans.append(True)
        self.worker = Worker(Queue(database, "orders", ["order_id"]), self._effect)
        yield Running(self.worker)
        self.lifespans.append(False)

    async def handle(self, event: Event, seconds: float = 30) -> Any:  # noqa: ANN401 - any JSON
        context: Any = Context(time.monotonic() + seconds)
        return await asyncio.to_thread(self._environment.handle, event, context)

    async def close(self) -> None:
        await asyncio.to_thread(self._environment.close)


Start = Callable[..., Process]


@pytest.fixture
async def start(engine: Engine) -> AsyncIterator[Start]:
    """Start a process whose jobs have this effect."""
    started: list[Process] = []

    def make(effect: Effect = succeed) -> Process:
        started.append(Process(engine, effect))
        return started[-1]

    yield make
    for process in started:
        await process.close()


async def test_clients_are_opened_once_and_kept(start: Start) -> None:
    process = start()
    for name in ("http_api", "function_url", "rest_api", "load_balancer"):
        assert (await process.handle(request(name, "GET", "/health")))["statusCode"] == 200
    assert process.lifespans == [True]


async def test_after_a_long_sleep_they_are_opened_anew(start: Start) -> None:
    """Their connections may be gone without a word."""
    process = start()
    await process.handle(document("http_api"))
    process.now += 59
    await process.handle(document("http_api"))
    assert process.lifespans == [True]
    process.now += 61
    assert (await process.handle(document("http_api")))["statusCode"] == 200
    assert process.lifespans == [True, False, True]


async def test_what_an_event_has_woken_is_done_before_it_is_answered(
    engine: Engine,
    start: Start,
) -> None:
    process = start()
    await process.handle(document("http_api"))
    engine.due = [message(number) for number in range(3)]
    await process.handle(WAKE)
    assert engine.outcomes() == ["succeeded"] * 3
    known = engine.claims()
    await asyncio.sleep(0.1)
    assert engine.claims() == known, "it goes on while it is frozen"


async def test_a_drain_neither_waits_for_more_nor_promises_to(
    engine: Engine,
    start: Start,
) -> None:
    engine.due = [message(1)]
    await start().handle(WAKE)
    assert engine.outcomes() == ["succeeded"]
    assert {claim["looks_again"] for claim in engine.called("claim")} == {0}


async def test_its_worker_knows_how_long_there_is(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted: list[float] = []

    async def idle(_worker: Worker, seconds: float) -> None:
        granted.append(seconds)

    monkeypatch.setattr(Worker, "idle", idle)
    await start().handle(WAKE, seconds=600)
    assert 500 < granted[0] < 600


async def test_an_event_that_fails_has_its_work_done_all_the_same(
    engine: Engine,
    start: Start,
) -> None:
    process = start()
    engine.due = [message(1)]
    with pytest.raises(IndexError):
        await process.handle({"source": "aws.events"})
    assert engine.outcomes() == ["succeeded"]


async def test_bytes_come_as_they_went(start: Start) -> None:
    """Signatures are of bytes; an answer that is no text goes in base64."""
    process = start()
    reply = await process.handle(request("http_api", "POST", "/orders/wake", b"\xff\x00"))
    assert (reply["statusCode"], reply["isBase64Encoded"]) == (401, False)
    assert reply["headers"]["content-type"] == "application/problem+json"
