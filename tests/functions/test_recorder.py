"""Recording outcomes: together, again while the trouble may pass, alone when one is refused."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from functions.kit.database import Database, DatabaseUnavailable
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.recorder import Recorder, T
from tests.functions.engine import Engine, message, until
from tests.functions.working import SUCCEEDED


class Recording:
    """A recorder at work, and what it told."""

    def __init__(self, database: Database) -> None:
        self.committed: list[int] = []
        self.batches = 0
        queue = Queue(database, "orders", ["order_id"])
        self.recorder = Recorder(queue, self._thrice, Hooks(after_commit=self._note))
        self._task = asyncio.create_task(self.recorder.run(self._count, lambda: 0))

    def add(self, *numbers: int, outcome: Outcome = SUCCEEDED) -> None:
        for number in numbers:
            self.recorder.add(message(number), outcome)

    async def idle(self) -> None:
        await until(lambda: not self.recorder.busy)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _note(self, job: Job) -> None:
        self.committed.append(job["message_id"])

    def _count(self) -> None:
        self.batches += 1

    async def _thrice(self, call: Callable[[], Awaitable[T]]) -> T:
        for _ in range(2):
            try:
                return await call()
            except DatabaseUnavailable:
                continue
        return await call()


@pytest.fixture
async def recording(database: Database) -> AsyncIterator[Recording]:
    recording = Recording(database)
    yield recording
    await recording.stop()


def calls(engine: Engine) -> list[list[int]]:
    """The messages of each call."""
    return [[row["message_id"] for row in call["results"]] for call in engine.called("finish")]


async def test_what_comes_while_a_call_is_on_its_way_goes_together_in_the_next(
    engine: Engine, recording: Recording
) -> None:
    engine.open["finish"] = asyncio.Event()
    recording.add(1)
    await until(lambda: calls(engine) == [[1]])
    recording.add(*range(2, 30))
    engine.open["finish"].set()
    await recording.idle()
    assert calls(engine) == [[1], list(range(2, 30))]
    assert recording.committed == list(range(1, 30))
    assert recording.batches == 2


async def test_a_call_holds_fifty_at_most(engine: Engine, recording: Recording) -> None:
    recording.add(*range(120))
    await recording.idle()
    assert [len(call) for call in calls(engine)] == [50, 50, 20]


async def test_it_is_busy_until_all_is_recorded(engine: Engine, recording: Recording) -> None:
    engine.open["finish"] = asyncio.Event()
    busy = [recording.recorder.busy]
    recording.add(1)
    busy.append(recording.recorder.busy)
    assert busy == [False, True]
    await until(lambda: len(calls(engine)) == 1)
    recording.add(2)
    engine.open["finish"].set()
    await recording.idle()
    assert engine.outcomes() == ["succeeded"] * 2


async def test_a_result_that_the_database_cannot_read_spares_its_neighbours(
    engine: Engine, recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    engine.refused_message = 2
    recording.add(1, 2, 3)
    await recording.idle()
    recording.add(4)
    await recording.idle()
    assert calls(engine) == [[1, 2, 3], [1], [2], [3], [4]]
    assert [row["message_id"] for row in engine.results] == recording.committed == [1, 3, 4]
    assert [record.message for record in caplog.records] == ["result was refused"]


async def test_passing_trouble_is_sat_out(engine: Engine, recording: Recording) -> None:
    engine.faults_of["finish"] = [503, 0]
    recording.add(1, 2)
    await recording.idle()
    assert calls(engine) == [[1, 2]] * 3
    assert recording.committed == [1, 2]


async def test_after_lasting_trouble_it_goes_on_with_the_next(
    engine: Engine, recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    engine.faults_of["finish"] = [503] * 3
    recording.add(1)
    await recording.idle()
    recording.add(2)
    await recording.idle()
    assert recording.committed == [2]
    assert [record.message for record in caplog.records] == [
        "outcomes are lost; their leases bring them back"
    ]


async def test_an_error_that_nobody_foresaw_does_not_end_it(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    recording.add(1, outcome=Outcome("succeeded", {"reference": object()}))
    await recording.idle()
    recording.recorder.add({"message_id": 2}, SUCCEEDED)  # what the receipt needs is missing
    await recording.idle()
    recording.add(3)
    await recording.idle()
    assert recording.committed == [3]
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


@pytest.mark.parametrize("status", ["lost", "error"])
async def test_a_result_that_was_not_recorded_is_logged(
    engine: Engine, recording: Recording, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.finish_status = status
    recording.add(4)
    await recording.idle()
    (record,) = caplog.records
    fields = {"queue": "orders", "message_id": 4, "status": status}
    assert (record.levelno, record.__dict__["fields"]) == (logging.WARNING, fields)
    assert recording.committed == [], "nothing was committed"


async def test_a_retried_one_is_settled_too(engine: Engine, recording: Recording) -> None:
    engine.finish_status = "retried"
    recording.add(1, outcome=Outcome.retry("busy"))
    await recording.idle()
    assert recording.committed == [1]


async def test_each_batch_is_one_line_of_the_log(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "functions.kit.recorder")
    recording.add(1, 2)
    recording.add(3, outcome=Outcome.broken("x"))
    await recording.idle()
    (record,) = caplog.records
    expected = {"queue": "orders", "jobs": 3, "outcomes": {"succeeded": 2, "broken": 1}}
    assert record.__dict__["fields"] == expected


async def test_what_an_outcome_says_is_reported(engine: Engine, recording: Recording) -> None:
    recording.add(1, outcome=Outcome("waiting", {"reference": "pi_1", "amount": 5}))
    recording.add(2, outcome=Outcome.postponed("busy", 7.5, trouble=True))
    recording.add(3, outcome=Outcome.retry("x" * 1000, trouble=True))
    await recording.idle()
    named = {"outcome": "waiting", "data": {"reference": "pi_1", "amount": 5}}
    late = {"outcome": "postponed", "data": {}, "error": "busy", "delay_seconds": 7.5}
    again = {"outcome": "retry", "data": {}, "error": "x" * 500}
    assert engine.results == [message(1) | named, message(2) | late, message(3) | again]


async def test_text_that_no_database_keeps_is_made_such(
    engine: Engine, recording: Recording
) -> None:
    hostile = "Bo\udceete\0"
    recording.add(1, outcome=Outcome("failed", {"failure_message": hostile}, error=hostile))
    await recording.idle()
    (row,) = engine.results
    assert (row["error"], row["data"]["failure_message"]) == ("Bo?te", "Bo?te")
