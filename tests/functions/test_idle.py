"""How a worker comes to rest in a process that is frozen between wake-ups."""

import asyncio

import pytest

from functions.kit import worker as module
from functions.kit.queue import Job, Outcome
from tests.functions.engine import Engine, message, until
from tests.functions.working import SUCCEEDED, Held, Make


async def test_it_is_idle_when_its_queue_is_empty(engine: Engine, work: Make) -> None:
    async def one_more(job: Job) -> Outcome:
        if job["message_id"] < 5:
            engine.due = [message(job["message_id"] + 1)]
        return SUCCEEDED

    worker = work(one_more)
    engine.due = [message(1)]
    worker.wake()
    await worker.idle(60)
    assert engine.outcomes() == ["succeeded"] * 5
    known = engine.claims()
    await asyncio.sleep(0.05)
    assert engine.claims() == known


async def test_it_is_idle_at_once_if_nobody_woke_it(work: Make) -> None:
    await asyncio.wait_for(work().idle(60), 10)


async def test_a_wake_up_while_it_leaves_is_waited_for(engine: Engine, work: Make) -> None:
    worker = work()
    worker.wake()
    idle = asyncio.create_task(worker.idle(60))
    drain = worker._drain
    assert drain

    def leaving(_drain: object) -> None:
        engine.due = [message(1)]
        worker.wake()

    drain.add_done_callback(leaving)
    await idle
    assert engine.outcomes() == ["succeeded"]


async def test_when_time_is_up_what_is_in_hand_goes_back_and_it_can_be_woken_again(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 20)
    monkeypatch.setattr(module, "_TO_FINISH", 20.05)
    held = Held()
    worker = work(held, concurrency=1)
    engine.due = [message(1)]
    worker.wake()
    await until(lambda: held.begun == [1])
    engine.due = [message(2)]
    known = engine.claims()
    await worker.idle(0)
    assert (engine.outcomes(), engine.claims()) == (["postponed"], known)
    held.let_go(2)
    worker.wake()
    await worker.idle(60)
    assert engine.outcomes() == ["postponed", "succeeded"]


async def test_the_time_it_takes_is_within_what_it_was_given(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hangs: else the process is killed, and nobody knows what was in hand."""
    monkeypatch.setattr(module, "_LAST_WORDS", 0.05)
    monkeypatch.setattr(module, "_TO_FINISH", 0.1)
    engine.open["finish"] = asyncio.Event()
    worker = work()
    engine.due = [message(1)]
    worker.wake()
    await until(lambda: len(engine.called("finish")) == 1)
    await asyncio.wait_for(worker.idle(0.2), 5)
    assert worker._drain
    assert worker._drain.done()
    engine.open["finish"].set()
