"""The queue consumer: one drain, whose claims, effects and results overlap."""

import asyncio
import time
from collections.abc import Callable

import pytest

from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome
from tests.functions.engine import Engine, message, until
from tests.functions.working import DELAYS, SUCCEEDED, Held, Make, drained, sample


async def test_a_job_is_claimed_done_and_finished(engine: Engine, work: Make) -> None:
    engine.due = [message(7, secret="not sent back")]  # noqa: S106 - a field
    async with drained(work()):
        pass
    assert engine.results == [
        {
            "message_id": 7,
            "order_id": "order-7",
            "outcome": "succeeded",
            "data": {"reference": "r"},
        }
    ]
    assert engine.calls[:2] == [
        ("queue_policy", {"queue": "orders"}),
        ("claim_orders", {"wanted": 20, "looks_again": 0}),
    ]


async def test_a_storm_of_wake_ups_is_one_drain(engine: Engine, work: Make) -> None:
    worker = work()
    engine.due = [message(1)]
    async with drained(worker):
        for _ in range(20):
            for _ in range(50):
                worker.wake()
            await asyncio.sleep(0)
    assert len(engine.called("queue")) == engine.most_claims_in_flight == 1
    assert engine.outcomes() == ["succeeded"]


async def test_it_goes_on_until_the_queue_is_empty(engine: Engine, work: Make) -> None:
    async def one_more(job: Job) -> Outcome:
        if job["message_id"] < 5:
            engine.due = [message(job["message_id"] + 1)]
        return Outcome("succeeded")

    engine.due = [message(1)]
    async with drained(work(one_more)):
        pass
    assert engine.outcomes() == ["succeeded"] * 5


async def test_after_a_full_claim_comes_the_next_at_once(engine: Engine, work: Make) -> None:
    engine.policy["batch_size"] = 3
    engine.due = [message(number) for number in range(9)]
    held = Held()
    async with drained(work(held)):
        await until(lambda: len(held.begun) == 9)
        assert engine.results == []
        held.let_go(*range(9))
    assert engine.outcomes() == ["succeeded"] * 9


async def test_it_wants_no_more_than_it_has_room_for(engine: Engine, work: Make) -> None:
    held = Held()
    engine.due = [message(number) for number in range(8)]
    async with drained(work(held, concurrency=4)):
        await until(lambda: len(held.begun) == 4)
        held.let_go(0)
        await until(lambda: len(held.begun) == 5)
        assert [claim["wanted"] for claim in engine.called("claim")] == [4, 1]
        held.let_go(*range(8))
    assert sorted(held.begun) == list(range(8))
    assert all(1 <= claim["wanted"] <= 4 for claim in engine.called("claim"))


async def test_a_slow_effect_holds_up_only_itself(engine: Engine, work: Make) -> None:
    held = Held()
    engine.due = [message(0)]
    async with drained(work(held, concurrency=2)):
        await until(lambda: held.begun == [0])
        engine.due = [message(number) for number in range(1, 30)]
        held.let_go(*range(1, 30))
        await until(lambda: len(engine.results) == 29)
        assert held.begun.count(0) == 1
        held.let_go(0)
    assert len(engine.results) == 30


async def test_it_claims_and_works_while_results_are_on_their_way(
    engine: Engine, work: Make
) -> None:
    engine.open["finish"] = asyncio.Event()
    held = Held()
    held.let_go(1, 2, 3)
    engine.due = [message(1)]
    async with drained(work(held)):
        await until(lambda: len(engine.called("finish")) == 1)
        for number in (2, 3):
            engine.due = [message(number)]
            await until(lambda number=number: number in held.begun)  # type: ignore[misc]
        engine.open["finish"].set()
    together = [[r["message_id"] for r in call["results"]] for call in engine.called("finish")]
    assert together == [[1], [2, 3]]


async def test_it_promises_to_look_again_and_stays_until_that_is_past(
    engine: Engine, work: Make
) -> None:
    engine.due = [message(1)]
    async with drained(work(looks_again=1)):
        pass
    left_at = time.monotonic()
    promises = [claim["looks_again"] for claim in engine.called("claim")]
    assert (promises[0], promises[1], promises[-1]) == (0, 1, 0)
    assert sorted(promises[1:], reverse=True) == promises[1:], "none after the first without"
    assert engine.promised_until <= left_at, "it left although wake-ups were still spared"


async def test_what_comes_just_before_a_promise_ends_is_still_seen(
    engine: Engine, work: Make
) -> None:
    engine.due = [message(1)]
    async with drained(work(looks_again=2)):
        await until(lambda: bool(engine.results))
        await until(lambda: engine.called("claim")[-1]["looks_again"] == 0)
        await until(lambda: time.monotonic() > engine.promised_until - 1)
        engine.due = [message(2)]  # and nobody wakes anybody
    assert engine.outcomes() == ["succeeded"] * 2


async def test_the_promise_is_renewed_while_it_works(engine: Engine, work: Make) -> None:
    held = Held()
    engine.due = [message(1)]
    async with drained(work(held, looks_again=0.05)):
        begun = time.monotonic()
        await until(lambda: engine.promised_until > begun + 0.3)
        held.let_go(1)


async def test_where_nothing_is_it_promises_nothing_and_leaves(engine: Engine, work: Make) -> None:
    async with drained(work(linger=0.02, looks_again=60)):
        pass
    assert {claim["looks_again"] for claim in engine.called("claim")} == {0}


async def test_it_lingers_for_what_commits_just_after_the_wake_up(
    engine: Engine, work: Make
) -> None:
    async with drained(work(linger=1)):
        await until(lambda: engine.claims() >= 1 and not engine.claims_in_flight)
        engine.due = [message(1)]
    assert engine.outcomes() == ["succeeded"]


async def test_a_wake_up_during_the_last_look_is_not_lost(engine: Engine, work: Make) -> None:
    worker = work(linger=0)

    async def committed_just_then() -> None:
        engine.due = [message(1)]
        worker.wake()

    engine.after_claims = [committed_just_then]
    async with drained(worker):
        pass
    assert engine.outcomes() == ["succeeded"]


async def test_what_an_outcome_led_to_during_the_last_look_is_not_left(
    engine: Engine, work: Make
) -> None:
    held, recorded = Held(), asyncio.Event()

    async def has_led_to_the_next(_job: Job) -> None:
        if not recorded.is_set():
            engine.due = [message(2)]
        recorded.set()

    async def nothing() -> None:
        pass

    async def recorded_just_then() -> None:
        held.let_go(1, 2)
        await recorded.wait()

    engine.due, engine.after_claims = [message(1)], [nothing, recorded_just_then]
    hooks = Hooks(after_commit=has_led_to_the_next)
    async with drained(work(held, linger=0, looks_again=0, hooks=hooks)):
        pass
    assert engine.outcomes() == ["succeeded"] * 2


async def test_a_wake_up_while_it_leaves_is_not_lost(
    engine: Engine, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = work(linger=0)

    async def until_it_leaves() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if not engine.results:
                engine.due = [message(1)]
                worker.wake()

    monkeypatch.setattr(worker, "_renew_leases", until_it_leaves)
    worker.wake()
    await until(lambda: engine.outcomes() == ["succeeded"])


async def test_one_bad_job_of_ten_harms_no_other(
    engine: Engine, work: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_on_three(job: Job) -> Outcome:
        if job["message_id"] == 3:
            raise RuntimeError("ana@example.com")
        return Outcome("succeeded")

    engine.due = [message(number) for number in range(10)]
    async with drained(work(fail_on_three)):
        pass
    assert engine.outcomes() == ["succeeded"] * 3 + ["broken"] + ["succeeded"] * 6
    (broken,) = (row for row in engine.results if row["outcome"] == "broken")
    assert broken["error"] == "unexpected RuntimeError"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


TROUBLE = {
    "the policy": ("queue", [503, 503]),
    "the claim": ("claim", [500, 503]),
    "the reply to the policy": ("queue", [0]),
    "the result": ("finish", [503, 504]),
    "the reply to the result": ("finish", [0, 0]),
}


@pytest.mark.parametrize(("word", "faults"), TROUBLE.values(), ids=TROUBLE)
async def test_passing_trouble_of_the_database_is_sat_out(
    engine: Engine, work: Make, word: str, faults: list[int]
) -> None:
    held = Held()
    held.let_go(1)
    engine.due = [message(1)]
    engine.faults_of[word] = list(faults)
    async with drained(work(held)):
        pass
    assert (held.begun, engine.faults_of[word]) == ([1], [])
    assert set(engine.outcomes()) == {"succeeded"}
    assert len({str(call) for call in engine.called("finish")}) == 1, "the same, word by word"


@pytest.mark.parametrize("word", ["queue", "claim"])
async def test_lasting_trouble_ends_the_drain_and_the_next_wake_up_begins_another(
    engine: Engine, work: Make, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = work()
    engine.due = [message(1)]
    engine.faults_of[word] = [503] * (len(DELAYS) + 1)
    async with drained(worker):
        pass
    assert (engine.outcomes(), engine.faults_of[word]) == ([], [])
    assert caplog.records[-1].levelname == "ERROR"
    async with drained(worker):
        pass
    assert engine.outcomes() == ["succeeded"]


async def test_a_refusal_ends_the_drain_at_once(engine: Engine, work: Make) -> None:
    engine.faults_of["claim"] = [401]
    async with drained(work(delays=[60])):
        pass
    assert engine.claims() == 1


async def test_a_drain_that_ended_with_jobs_in_hand_records_them_and_heeds_wake_ups(
    engine: Engine, work: Make, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held()
    held.let_go(2)
    worker = work(held)
    engine.due = [message(1)]
    async with drained(worker):
        await until(lambda: held.begun == [1])
        engine.faults_of["claim"] = [503] * (len(DELAYS) + 1)
        await until(lambda: "drain ended" in caplog.text)
        engine.due = [message(2)]
        worker.wake()
        await until(lambda: len(engine.results) == 1)
        assert engine.results[0]["message_id"] == 2
        held.let_go(1)
    assert engine.outcomes() == ["succeeded"] * 2


async def test_it_waits_for_a_fuller_batch_if_the_queue_says_so(engine: Engine, work: Make) -> None:
    engine.policy["window_seconds"] = 0.1
    async with drained(work()):
        await until(lambda: len(engine.called("queue")) == 1)
        for number in (1, 2):
            engine.due.append(message(number))
            await asyncio.sleep(0)
    asked, claimed, *_ = engine.called_at
    assert claimed - asked >= 0.1
    assert [[r["message_id"] for r in c["results"]] for c in engine.called("finish")] == [[1, 2]]


async def test_hooks_are_awaited_at_the_boundaries(engine: Engine, work: Make) -> None:
    seen: list[str] = []

    def note(name: str) -> Callable[..., object]:
        async def hook(job: Job, *outcome: Outcome) -> None:
            assert (job["message_id"], outcome) in ((1, ()), (1, (SUCCEEDED,)))
            seen.append(f"{name} {len(engine.called('finish'))}")

        return hook

    async def effect(_job: Job) -> Outcome:
        seen.append("effect")
        return SUCCEEDED

    hooks = Hooks(note("before_call"), note("after_call"), note("after_commit"))  # type: ignore[arg-type]
    engine.due = [message(1)]
    async with drained(work(effect, hooks=hooks)):
        pass
    assert seen == ["before_call 0", "effect", "after_call 0", "after_commit 1"]


async def test_what_it_does_is_counted(engine: Engine, work: Make) -> None:
    def counts() -> list[float]:
        return [
            sample("orderbase_jobs_total", queue="orders", outcome="succeeded"),
            sample("orderbase_jobs_total", queue="orders", outcome="broken"),
            sample("orderbase_effect_seconds_count", queue="orders", step="ship"),
            sample("orderbase_jobs_in_flight", queue="orders"),
        ]

    held = Held()
    before = counts()
    claims = sample("orderbase_claim_seconds_count", queue="orders")
    finishes = sample("orderbase_finish_seconds_count", queue="orders")
    engine.due = [message(1, step="ship"), message(2, step="ship")]
    async with drained(work(held)):
        await until(lambda: len(held.begun) == 2)
        assert sample("orderbase_jobs_in_flight", queue="orders") == before[3] + 2
        held.let_go(1, 2)
    assert counts() == [before[0] + 2, before[1], before[2] + 2, before[3]]
    assert sample("orderbase_claim_seconds_count", queue="orders") > claims
    assert sample("orderbase_finish_seconds_count", queue="orders") > finishes
