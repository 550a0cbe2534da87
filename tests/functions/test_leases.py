"""A worker holds on to what takes long, and lets go of what is no longer its own."""

import asyncio
import itertools

import pytest

from functions.kit import worker as module
from tests.functions.engine import Engine, message, until
from tests.functions.working import Held, Make, drained


@pytest.fixture
def short_lease(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are renewed each hundredth of a second."""
    monkeypatch.setattr(module, "_SHORTEST_LEASE", 0.03)
    engine.policy["lease_seconds"] = 0.03


async def test_a_lease_is_renewed_in_time_however_short_it_is(engine: Engine, work: Make) -> None:
    engine.policy["lease_seconds"] = 3
    held = Held()
    engine.due = [message(1), message(2)]
    async with drained(work(held)):
        await until(lambda: len(engine.called("renew")) == 3)
        held.let_go(1, 2)
    took = [
        at
        for at, (verb, _) in zip(engine.called_at, engine.calls, strict=True)
        if verb == "renew_orders"
    ]
    first_claim = engine.called_at[1]
    assert all(later - earlier < 3 for earlier, later in itertools.pairwise([first_claim, *took]))
    receipts = [{"message_id": n, "order_id": f"order-{n}"} for n in (1, 2)]
    assert engine.called("renew")[0] == {"results": receipts}
    assert engine.outcomes() == ["succeeded"] * 2


@pytest.mark.usefixtures("short_lease")
async def test_only_what_is_still_being_done_is_renewed(engine: Engine, work: Make) -> None:
    held = Held()
    engine.due = [message(1), message(2)]
    async with drained(work(held)):
        await until(lambda: len(engine.called("renew")) == 1)
        held.let_go(1)
        await until(lambda: len(engine.results) == 1)
        known = len(engine.called("renew"))
        await until(lambda: len(engine.called("renew")) == known + 2)
        held.let_go(2)
    last = engine.called("renew")[-1]["results"]
    assert [receipt["message_id"] for receipt in last] == [2]


@pytest.mark.usefixtures("short_lease")
async def test_what_is_lost_is_given_up_and_the_rest_goes_on(
    engine: Engine, work: Make, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held()
    engine.due, engine.lost = [message(1), message(2)], {"order-1"}
    async with drained(work(held)):
        await until(lambda: held.cancelled == [1])
        held.let_go(2)
    assert engine.outcomes() == ["postponed", "succeeded"], "each once"
    assert "lease was lost" in caplog.text


@pytest.mark.usefixtures("short_lease")
async def test_of_an_order_that_is_busy_it_asks_again(engine: Engine, work: Make) -> None:
    held = Held()
    engine.due, engine.busy = [message(1)], {"order-1"}
    async with drained(work(held)):
        await until(lambda: len(engine.called("renew")) == 3)
        held.let_go(1)
    assert (held.cancelled, engine.outcomes()) == ([], ["succeeded"])


@pytest.mark.usefixtures("short_lease")
async def test_of_a_message_in_hand_twice_only_the_lost_one_is_given_up(
    engine: Engine, work: Make
) -> None:
    held = Held()
    engine.due = [message(1, order_id="lost"), message(1, order_id="mine")]
    engine.lost = {"lost"}
    async with drained(work(held)):
        await until(lambda: held.cancelled == [1])
        known = len(engine.called("renew"))
        await until(lambda: len(engine.called("renew")) == known + 2)
        held.let_go(1)
    assert {row["order_id"]: row["outcome"] for row in engine.results} == {
        "lost": "postponed",
        "mine": "succeeded",
    }


@pytest.mark.usefixtures("short_lease")
async def test_a_renewal_that_fails_is_made_a_third_later(
    engine: Engine, work: Make, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held()
    engine.due, engine.faults_of["renew"] = [message(1)], [503, 401, 0]
    async with drained(work(held)):
        await until(lambda: len(engine.called("renew")) >= 5)
        held.let_go(1)
    assert held.cancelled == []
    assert engine.outcomes() == ["succeeded"]
    assert [r.message for r in caplog.records] == ["leases were not renewed"] * 3


@pytest.mark.usefixtures("short_lease")
async def test_leases_are_renewed_while_the_database_takes_no_results(
    engine: Engine, work: Make
) -> None:
    held = Held()
    held.let_go(1)
    engine.open["finish"] = asyncio.Event()
    engine.due = [message(1), message(2)]
    async with drained(work(held)):
        await until(lambda: len(engine.called("finish")) == 1)
        known = len(engine.called("renew"))
        await until(lambda: len(engine.called("renew")) == known + 2)
        engine.open["finish"].set()
        held.let_go(2)
    assert engine.outcomes() == ["succeeded"] * 2
