"""Steps: tried again within a delivery, within their time-out, past no open circuit breaker."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import cast

import pytest

from functions.kit.queue import Job, Outcome
from functions.orders.engine import Engine
from functions.orders.payments import Payments
from functions.orders.saga import SAGA, Providers, Saga, Step
from functions.orders.shipping import TestCarrier
from tests.functions.double import Stripe, charge_job

UNKNOWN = Outcome.retry("no answer", trouble=True)
DONE = Outcome("succeeded")


class Service:
    """Answers as scripted, the last answer for ever."""

    def __init__(self, *answers: Outcome | Exception | None) -> None:
        self._answers = list(answers)
        self.starts: list[int] = []

    async def answer(self, _providers: Providers, job: Job) -> Outcome:
        self.starts.append(job["starts"])
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return cast("Outcome", answer)


class Rig:
    """An engine with one scripted step, whose pauses are kept instead of slept."""

    def __init__(self, service: Service, timeout: float = 10.0) -> None:
        self.pauses: list[float] = []
        self.service = service
        effect, paid = service.answer, ("payment_failed",)
        step = Step("charge", "placed", "paid", paid, "stripe", effect, timeout=timeout)
        saga = Saga("placed", (step,), ("shipped", "completed"), {})
        self.engine = Engine(saga, cast("Providers", None), self._sleep)

    async def perform(self, starts: int = 1) -> Outcome:
        return await self.engine.perform({"step": "charge", "starts": starts})

    def at(self, clock: Callable[[], float]) -> None:
        """Have the circuit breaker tell time by this, and throw no dice."""
        breaker = self.engine._breakers["stripe"]
        breaker._clock, breaker._random = clock, lambda: 0.5

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_what_is_unknown_is_tried_thrice_with_growing_pauses() -> None:
    rig = Rig(Service(UNKNOWN))
    assert await rig.perform() == UNKNOWN
    assert rig.service.starts == [1, 2, 3]
    first, second = rig.pauses
    assert 1.6 <= first <= 2.4
    assert 3.2 <= second <= 4.8


async def test_pauses_differ_so_that_not_all_come_back_together() -> None:
    pauses = []
    for _ in range(8):
        rig = Rig(Service(UNKNOWN, DONE))
        await rig.perform()
        pauses += rig.pauses
    assert len(set(pauses)) > 1


async def test_only_the_first_attempt_of_all_is_sure_that_nobody_has_tried_before() -> None:
    rig = Rig(Service(UNKNOWN))
    await rig.perform(starts=4)
    assert rig.service.starts == [4, 5, 6]


@pytest.mark.parametrize(
    "outcome",
    [
        DONE,
        Outcome("failed", {"failure_code": "card_declined"}),
        Outcome("waiting"),
        Outcome.retry("our own mistake"),
        Outcome.postponed("nobody listens", trouble=True),
    ],
)
async def test_any_other_outcome_stands(outcome: Outcome) -> None:
    rig = Rig(Service(outcome))
    assert await rig.perform() == outcome
    assert (rig.service.starts, rig.pauses) == ([1], [])


async def test_the_first_good_attempt_is_the_last() -> None:
    rig = Rig(Service(UNKNOWN, DONE, UNKNOWN))
    assert await rig.perform() == DONE
    assert rig.service.starts == [1, 2]


async def test_a_step_that_takes_too_long_is_unknown() -> None:
    rig = Rig(Service(None), timeout=0.01)
    async with asyncio.timeout(10):
        outcome = await rig.perform()
    assert outcome == Outcome.retry("charge took longer than 0.01 s", trouble=True)
    assert rig.service.starts == [1, 2, 3]


async def test_an_error_that_nobody_foresaw_is_passed_on_at_once() -> None:
    rig = Rig(Service(KeyError("x")))
    with pytest.raises(KeyError):
        await rig.perform()
    assert rig.service.starts == [1]
    with pytest.raises(KeyError):
        await rig.engine.perform({"step": "no such step", "starts": 1})


@pytest.mark.parametrize("answer", [UNKNOWN, Outcome.postponed("closed", trouble=True), None])
async def test_after_five_troubles_a_service_is_left_alone_and_nothing_is_spent(
    answer: Outcome | None,
) -> None:
    now = 0.0
    rig = Rig(Service(answer), timeout=0.001)
    rig.at(lambda: now)
    while len(rig.service.starts) < 5:
        await rig.perform()
    now += 0.1
    outcome = await rig.perform(starts=9)
    assert (outcome.status, outcome.trouble) == ("postponed", False)
    assert outcome.delay_seconds == 1.0, "never sooner than the database can"
    assert len(rig.service.starts) == 5
    now += 1.2
    assert (await rig.perform()).status == "postponed", "the trial failed, the next was not made"
    assert len(rig.service.starts) == 6
    postponed = await rig.perform()
    assert postponed.delay_seconds == pytest.approx(2)
    assert postponed.error
    assert "stripe is left alone" in postponed.error


async def test_a_service_that_works_again_is_used_again() -> None:
    now = 0.0
    rig = Rig(Service(*[UNKNOWN] * 5, DONE))
    rig.at(lambda: now)
    await rig.perform()
    assert (await rig.perform()).status == "postponed"
    now += 1.3
    assert [await rig.perform() for _ in range(3)] == [DONE] * 3


async def test_a_no_is_no_trouble_for_the_service() -> None:
    no = Outcome("failed", {"failure_code": "card_declined"})
    rig = Rig(Service(no))
    assert [await rig.perform() for _ in range(20)] == [no] * 20
    rig = Rig(Service(UNKNOWN, UNKNOWN, no))
    for _ in range(10):
        await rig.perform()
    assert len(rig.service.starts) == 12


async def test_services_are_ill_each_by_itself() -> None:
    ill, well = Service(UNKNOWN), Service(DONE)
    steps = (
        Step("charge", "placed", "paid", (), "stripe", ill.answer),
        Step("ship", "paid", "shipped", (), "carrier", well.answer),
    )

    async def no_sleep(_seconds: float) -> None:
        pass

    saga = dataclasses.replace(SAGA, steps=steps)
    engine = Engine(saga, cast("Providers", None), no_sleep)
    outcomes = [await engine.perform({"step": "charge", "starts": 1}) for _ in range(3)]
    assert outcomes[-1].status == "postponed"
    assert await engine.perform({"step": "ship", "starts": 1}) == DONE


async def test_the_second_attempt_looks_up_what_the_first_has_done(
    double: Stripe, payments: Payments
) -> None:
    async def no_sleep(_seconds: float) -> None:
        pass

    await double.strike("charge_then_500", times=1)
    engine = Engine(SAGA, Providers(payments, TestCarrier()), no_sleep)
    job = charge_job()
    assert (await engine.perform(job)).status == "succeeded"
    assert len(await double.charges()) == 1
    assert job["starts"] == 1, "the receipt is untouched"
