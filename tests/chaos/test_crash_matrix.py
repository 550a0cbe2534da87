"""Every step of the saga, broken at every boundary, in every way: nothing lost, nothing twice."""

from collections.abc import Awaitable, Callable

import pytest

from functions.orders.saga import SAGA
from tests.chaos import timeouts
from tests.chaos.breaking import NOTIFY, POINTS, Point
from tests.chaos.cases import EVENTS, Case, Event, Scenario
from tests.chaos.conftest import World
from tests.chaos.shop import UNREACHABLE_ADDRESS
from tests.chaos.workers import Worker

Fault = Callable[[Case], Awaitable[str]]
"""Breaks an order on its way, sees it through, and says how it should have ended."""

STEPS = (*(step.name for step in SAGA.steps), NOTIFY)

SCENARIOS = {
    "charge": Scenario("completed"),
    "ship": Scenario("completed"),
    "capture": Scenario("completed", capture="on_shipment"),
    "refund": Scenario("shipping_failed", address=UNREACHABLE_ADDRESS),
    NOTIFY: Scenario("completed"),
}


async def kill(case: Case) -> str:
    """The process dies there, and another one goes on."""
    dying = await case.start("kill")
    await dying.until("ended")
    assert dying.has("broken")
    await case.leases_run_out()
    await _finish(case)
    return case.scenario.ends_as


async def pause(case: Case) -> str:
    """The process sleeps there, another one finishes, and then it goes on: that changes nothing."""
    sleeping = await case.start("stop")
    await sleeping.until("stopped")
    await case.leases_run_out()
    await _finish(case)
    before = await case.everything()
    await sleeping.quit()
    assert await case.everything() == before
    return case.scenario.ends_as


async def time_out(case: Case) -> str:
    """The call, its answer, or the answer of the database gets lost there."""
    await timeouts.arrange(case)
    worker = await case.start(timeouts.harm_of(case))
    await case.until_rest()
    await worker.quit()
    await timeouts.assert_happened(case, worker)
    return case.scenario.ends_as


async def duplicate(case: Case) -> str:
    """The message is delivered twice, and two processes work on it at the same time."""
    first = await case.start("stop")
    await first.until("stopped")
    await case.deliver_again()
    await case.leases_run_out()
    second = await case.start("stop")
    await case.until_rest(or_stopped=second)
    if case.point == "after_call":
        # The second owns the step now: what the first has to say of it is void.
        before = await case.books()
        await first.quit()
        assert await case.books() == before
    await _together(case, first, second)
    return case.scenario.ends_as


def reorder(event: Event) -> Fault:
    """Something else happens just then, and messages overtake each other."""

    async def fault(case: Case) -> str:
        worker = await case.start("stop")
        await worker.until("stopped")
        await event(case)
        ends_as = await case.heading()
        await case.hear_of_payment()
        await case.shuffle()
        await _together(case, worker, await case.start())
        return ends_as

    fault.__name__ = f"reorder_{event.__name__}"
    return fault


FAULTS = (kill, pause, time_out, duplicate, *map(reorder, EVENTS))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("step", STEPS)
async def test_an_order_survives(world: World, step: str, point: Point, fault: Fault) -> None:
    case = Case(world, step, point, SCENARIOS[step])
    await case.place()
    try:
        ends_as = await fault(case)
    finally:
        await world.workers.end_all()
        await case.leases_run_out()
    assert await world.violations(case.order) == []
    assert await case.status() == ends_as


def test_every_step_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(STEPS)


async def _finish(case: Case) -> None:
    worker = await case.start()
    await case.until_rest()
    await worker.quit()


async def _together(case: Case, *workers: Worker) -> None:
    for worker in workers:
        worker.go_on()
    await case.until_rest()
    for worker in workers:
        await worker.quit()
