"""The queue consumer: one drain at a time, whatever wake-ups, effects and the database do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from functions.kit.database import Database
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Worker
from tests.functions.engine import Engine, message, until

LINGER = 0.05
DELAYS = (0.01, 0.01)


async def succeed(_job: Job) -> Outcome:
    return Outcome("succeeded", {"reference": "r"})


@pytest.fixture
async def work(database: Database) -> AsyncIterator[Callable[..., Worker]]:
    """Makes workers, and stops them."""
    workers: list[Worker] = []

    def make(
        effect: Callable[[Job], Awaitable[Outcome]] = succeed, concurrency: int = 20
    ) -> Worker:
        queue = Queue(database, "orders", ["order_id"], {"steps": {}})
        worker = Worker(queue, effect, concurrency=concurrency, linger=LINGER, delays=DELAYS)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        await worker.stop(1)


@asynccontextmanager
async def drained(worker: Worker) -> AsyncIterator[None]:
    """Within: woken. After: the drain has ended by itself."""
    worker.wake()
    yield
    assert worker._drain
    await asyncio.wait_for(worker._drain, 5)


async def test_a_job_is_claimed_done_and_finished(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    engine.due = [message(7, secret="not sent back")]  # noqa: S106 - a field
    async with drained(work()):
        pass
    assert engine.results == [
        {
            "message_id": 7,
            "reads": 1,
            "order_id": "order-7",
            "outcome": "succeeded",
            "data": {"reference": "r"},
        }
    ]
    assert engine.calls[0] == ("claim_orders", {"steps": {}})


async def test_a_storm_of_wake_ups_is_one_drain(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    worker = work()
    engine.due = [message(1)]
    async with drained(worker):
        for _ in range(20):
            for _ in range(50):
                worker.wake()
            await asyncio.sleep(0)
    assert engine.most_claims_in_flight == 1
    assert engine.claims() <= 5
    assert engine.outcomes() == ["succeeded"]


async def test_it_goes_on_until_the_queue_is_empty(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    async def one_more(job: Job) -> Outcome:
        if job["message_id"] < 5:
            engine.due = [message(job["message_id"] + 1)]
        return Outcome("succeeded")

    engine.due = [message(1)]
    async with drained(work(one_more)):
        pass
    assert engine.outcomes() == ["succeeded"] * 5


async def test_it_lingers_for_what_commits_just_after_the_wake_up(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    async with drained(work()):
        await until(lambda: engine.claims() == 1 and not engine.claims_in_flight)
        engine.due = [message(1)]
    assert engine.outcomes() == ["succeeded"]


async def test_a_wake_up_while_it_lingers_is_answered_at_once(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    worker = work()
    worker._linger = 60
    async with drained(worker):
        await until(lambda: engine.claims() == 1 and not engine.claims_in_flight)
        await asyncio.sleep(0.01)
        engine.due = [message(1)]
        worker.wake()
        await until(lambda: engine.outcomes() == ["succeeded"])
        worker._linger = 0
        worker.wake()


async def test_one_bad_job_of_ten_harms_no_other(
    engine: Engine, work: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_on_three(job: Job) -> Outcome:
        if job["message_id"] == 3:
            raise RuntimeError("ana@example.com")
        return Outcome("succeeded")

    engine.due = [message(number) for number in range(10)]
    async with drained(work(fail_on_three)):
        pass
    assert engine.outcomes() == ["succeeded"] * 3 + ["retry"] + ["succeeded"] * 6
    (retried,) = (row for row in engine.results if row["outcome"] == "retry")
    assert retried["error"] == "unexpected RuntimeError"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_effects_run_together_but_not_all_at_once(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    running = most = 0

    async def effect(_job: Job) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return Outcome("succeeded")

    engine.due = [message(number) for number in range(12)]
    async with drained(work(effect, concurrency=4)):
        pass
    assert most == 4


async def test_passing_trouble_of_the_database_is_sat_out(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    engine.due = [message(1)]
    engine.faults = [503, 503]
    async with drained(work()):
        pass
    assert engine.outcomes() == ["succeeded"]


async def test_lasting_trouble_ends_the_drain_and_the_next_wake_up_begins_another(
    engine: Engine, work: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    worker = work()
    engine.due = [message(1)]
    engine.faults = [503] * (len(DELAYS) + 1)
    async with drained(worker):
        pass
    assert (engine.outcomes(), engine.faults) == ([], [])
    assert caplog.records[-1].levelname == "ERROR"
    async with drained(worker):
        pass
    assert engine.outcomes() == ["succeeded"]


async def test_results_are_reported_again_until_an_answer_comes(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    done = []

    async def once(job: Job) -> Outcome:
        done.append(job)
        engine.faults = [500, 0]
        return Outcome("succeeded")

    engine.due = [message(1)]
    async with drained(work(once)):
        pass
    finishes = [arguments for verb, arguments in engine.calls if verb == "finish_orders"]
    assert len(finishes) == 3
    assert finishes[0] == finishes[1] == finishes[2]
    assert len(done) == 1


@pytest.mark.parametrize("status", ["lost", "error"])
async def test_a_result_that_was_not_recorded_is_logged(
    engine: Engine,
    work: Callable[..., Worker],
    status: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine.due = [message(4)]
    engine.finish_status = status
    async with drained(work()):
        pass
    (record,) = caplog.records
    fields = {"queue": "orders", "message_id": 4, "status": status}
    assert (record.levelno, record.__dict__["fields"]) == (logging.WARNING, fields)


async def test_a_stop_finishes_the_batch_in_hand_and_claims_no_more(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def effect(_job: Job) -> Outcome:
        begun.set()
        await go_on.wait()
        engine.due = [message(2)]
        return Outcome("succeeded")

    worker = work(effect)
    engine.due = [message(1)]
    worker.wake()
    await begun.wait()
    stopped = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    go_on.set()
    await stopped
    worker.wake()
    await asyncio.sleep(0.02)
    assert (engine.outcomes(), engine.claims()) == (["succeeded"], 1)


async def test_a_stop_gives_back_what_takes_too_long_and_records_the_rest(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    async def effect(job: Job) -> Outcome:
        if job["message_id"] == 2:
            await asyncio.Event().wait()
        return Outcome("succeeded")

    worker = work(effect)
    engine.due = [message(1), message(2), message(3)]
    worker.wake()
    await engine.claimed.wait()
    await worker.stop(0.1)
    assert engine.outcomes() == ["succeeded", "retry", "succeeded"]


async def test_a_result_that_the_database_cannot_read_spares_its_neighbours(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    async def effect(_: Job) -> Outcome:
        return Outcome("succeeded")

    worker = work(effect)
    engine.refused_message = 2
    engine.due = [message(1), message(2), message(3)]
    worker.wake()
    await until(lambda: len(engine.results) == 2)
    await worker.stop(5)
    assert [row["message_id"] for row in engine.results] == [1, 3]


async def test_text_that_no_database_keeps_is_made_such(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    async def effect(_: Job) -> Outcome:
        hostile = "Bo\udceete\0"
        return Outcome("failed", {"failure_message": hostile}, error=hostile)

    worker = work(effect)
    engine.due = [message(1)]
    worker.wake()
    await until(lambda: bool(engine.results))
    [row] = engine.results
    assert (row["error"], row["data"]["failure_message"]) == ("Bo?te", "Bo?te")


async def test_a_stop_ends_a_drain_that_lingers_or_never_was(work: Callable[..., Worker]) -> None:
    await work().stop(5)
    worker = work()
    worker._linger = 60
    worker.wake()
    await asyncio.sleep(0.02)
    await asyncio.wait_for(worker.stop(30), 1)


async def test_a_stop_while_the_database_is_sat_out_claims_no_more(
    engine: Engine, work: Callable[..., Worker]
) -> None:
    worker = work()
    worker._delays = (0.1,)
    engine.due, engine.faults = [message(1)], [503]
    worker.wake()
    await until(lambda: engine.claims() == 1)
    await worker.stop(5)
    assert (engine.claims(), engine.results) == (1, [])
