"""How a worker stops: it claims no more, finishes what is in hand, and never hangs."""

import asyncio

import pytest

from functions.kit import worker as module
from functions.kit.queue import Job, Outcome
from tests.functions.engine import Engine, message, until
from tests.functions.working import SUCCEEDED, Held, Make


async def test_it_finishes_what_is_in_hand_and_claims_no_more(engine: Engine, work: Make) -> None:
    held = Held()
    worker = work(held, concurrency=1)
    engine.due = [message(1)]
    worker.wake()
    await until(lambda: held.begun == [1])
    stopped = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    engine.due = [message(2)]
    known = engine.claims()
    held.let_go(1)
    await stopped
    worker.wake()
    assert worker._drain
    assert worker._drain.done(), "a wake-up begins nothing any more"
    assert (engine.outcomes(), held.begun) == (["succeeded"], [1])
    assert engine.claims() == known


async def test_what_takes_too_long_goes_back_and_the_rest_is_recorded(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 20)
    held = Held()
    held.let_go(1, 3)
    worker = work(held)
    engine.due = [message(1), message(2), message(3)]
    worker.wake()
    await until(lambda: held.begun == [1, 2, 3])
    await worker.stop(0.05)
    assert engine.outcomes() == ["succeeded", "postponed", "succeeded"]
    (back,) = (row for row in engine.results if row["outcome"] == "postponed")
    assert (back["message_id"], back["delay_seconds"]) == (2, 1)


async def test_what_is_done_is_recorded_before_it_ends(engine: Engine, work: Make) -> None:
    engine.open["finish"] = asyncio.Event()
    worker = work()
    engine.due = [message(1), message(2)]
    worker.wake()
    await until(lambda: len(engine.called("finish")) == 1)
    stopped = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0.02)
    assert not stopped.done()
    engine.open["finish"].set()
    await stopped
    assert engine.outcomes() == ["succeeded"] * 2


async def test_it_ends_a_drain_that_lingers_or_never_was(work: Make) -> None:
    await work().stop(5)
    worker = work(linger=60)
    worker.wake()
    await asyncio.sleep(0.02)
    await asyncio.wait_for(worker.stop(30), 10)


@pytest.mark.parametrize("word", ["queue", "claim"])
async def test_while_the_database_is_sat_out_it_claims_no_more(
    engine: Engine, work: Make, word: str
) -> None:
    worker = work(delays=(60,))
    engine.due, engine.faults_of[word] = [message(1)], [503]
    worker.wake()
    await until(lambda: len(engine.called(word)) == 1)
    known = engine.claims()
    await asyncio.wait_for(worker.stop(30), 10)
    assert (engine.claims(), engine.results) == (known, [])


async def test_it_does_not_wait_for_a_fuller_batch(engine: Engine, work: Make) -> None:
    engine.policy["window_seconds"] = 60
    engine.due = [message(1)]
    worker = work()
    worker.wake()
    await until(lambda: len(engine.called("queue")) == 1)
    await asyncio.sleep(0.02)
    await asyncio.wait_for(worker.stop(30), 10)
    assert engine.claims() == 0


async def test_what_was_claimed_while_it_was_told_to_stop_is_done(
    engine: Engine, work: Make
) -> None:
    engine.open["claim"] = asyncio.Event()
    engine.due = [message(1)]
    worker = work()
    worker.wake()
    await until(lambda: engine.claims() == 1)
    stopped = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    engine.open["claim"].set()
    await stopped
    assert engine.outcomes() == ["succeeded"]


async def test_results_that_are_never_taken_do_not_hold_it_up(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 0.02)
    engine.due = [message(1)]
    engine.open["finish"] = asyncio.Event()  # the database is a black hole
    worker = work()
    worker.wake()
    await until(lambda: len(engine.called("finish")) == 1)
    await asyncio.wait_for(worker.stop(0.02), 10)
    engine.open["finish"].set()


async def test_nor_does_a_database_that_says_503_for_ever(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 0.02)
    engine.due, engine.faults_of["finish"] = [message(1)], [503] * 10_000
    worker = work(delays=[0.01] * 10_000)
    worker.wake()
    await until(lambda: len(engine.called("finish")) == 3)
    await asyncio.wait_for(worker.stop(0.02), 10)


async def test_an_effect_that_will_not_be_cancelled_does_not_hold_it_up(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 0.02)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def stubborn(_job: Job) -> Outcome:
        begun.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue
        return SUCCEEDED

    engine.due = [message(1)]
    worker = work(stubborn)
    worker.wake()
    await begun.wait()
    await asyncio.wait_for(worker.stop(0.02), 10)
    go_on.set()
