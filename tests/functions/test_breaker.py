"""The circuit breaker: what opens it, how long, and how few try it when it ends."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator

import pytest

from functions.kit.breaker import Breaker, BreakerOpen, State
from functions.kit.metrics import REGISTRY

HALF = 0.5  # no jitter
NAMES = (f"service-{number}" for number in itertools.count())


class TroubleError(Exception):
    """Trouble of the service."""


class DeclinedError(Exception):
    """An answer of the service."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker_of(clock: Clock, random: Callable[[], float] = lambda: HALF, **more: float) -> Breaker:
    """With a name of its own, as the metrics are the process's."""
    return Breaker(
        next(NAMES),
        trouble=(TroubleError,),
        failures=3,
        cooldown=more.get("cooldown", 1.0),
        longest_cooldown=more.get("longest_cooldown", 15.0),
        clock=clock,
        random=random,
    )


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Opens at the third failure, for a second."""
    return breaker_of(clock)


def meet(breaker: Breaker, error: BaseException) -> None:
    """One call, which ends so."""
    with contextlib.suppress(type(error)), breaker.call():
        raise error


def succeed(breaker: Breaker) -> None:
    with breaker.call():
        pass


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        meet(breaker, TroubleError())


def refused(breaker: Breaker) -> float:
    """The remaining seconds with which it refuses a call."""
    with pytest.raises(BreakerOpen) as caught, breaker.call():
        pytest.fail("it was let through")
    assert caught.value.name == breaker.name
    return caught.value.remaining


def state(breaker: Breaker) -> State:
    return breaker.state  # where no type checker takes it for what it was before a call


def seen(breaker: Breaker) -> tuple[float | None, float | None]:
    """What the metrics say: the state, and how often it opened."""
    labels = {"service": breaker.name}
    return (
        REGISTRY.get_sample_value("orderbase_breaker_state", labels),
        REGISTRY.get_sample_value("orderbase_breaker_opened_total", labels),
    )


def test_a_new_one_is_closed_and_seen(breaker: Breaker) -> None:
    assert state(breaker) is State.CLOSED
    assert breaker.remaining() == 0
    assert seen(breaker) == (0, 0)


def test_consecutive_failures_open_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert state(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state(breaker) is State.OPEN
    assert refused(breaker) == breaker.remaining() == 1.0


def test_failures_between_successes_do_not(breaker: Breaker) -> None:
    for _ in range(10):
        fail(breaker, 2)
        succeed(breaker)
    assert state(breaker) is State.CLOSED


def test_an_error_is_raised_as_it_is(breaker: Breaker) -> None:
    error = TroubleError("canary")
    with pytest.raises(TroubleError) as caught, breaker.call():
        raise error
    assert caught.value is error


def test_a_subclass_of_a_trouble_is_trouble(breaker: Breaker) -> None:
    class SlowError(TroubleError): ...

    for _ in range(3):
        meet(breaker, SlowError())
    assert state(breaker) is State.OPEN


def test_another_error_is_an_answer(breaker: Breaker) -> None:
    for _ in range(10):
        fail(breaker, 2)
        meet(breaker, DeclinedError())
    assert state(breaker) is State.CLOSED


SILENCE = [asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()]


@pytest.mark.parametrize("error", SILENCE, ids=lambda error: type(error).__name__)
def test_a_cancellation_is_neither_failure_nor_success(
    breaker: Breaker, error: BaseException
) -> None:
    fail(breaker, 2)
    for _ in range(10):
        meet(breaker, error)
    assert state(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state(breaker) is State.OPEN


def test_a_cancellation_is_never_trouble(clock: Clock) -> None:
    breaker = Breaker(next(NAMES), trouble=(BaseException,), failures=1, clock=clock)
    meet(breaker, asyncio.CancelledError())
    assert state(breaker) is State.CLOSED
    meet(breaker, DeclinedError())
    assert state(breaker) is State.OPEN


def test_no_call_is_let_through_before_the_cooldown_ends(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 0.75
    assert refused(breaker) == breaker.remaining() == 0.25
    clock.now += 0.25
    assert breaker.remaining() == 0
    succeed(breaker)
    assert state(breaker) is State.CLOSED


def test_while_one_is_on_trial_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 1
    with breaker.call():
        assert state(breaker) is State.HALF_OPEN
        assert refused(breaker) == breaker.remaining() == 1.0
        clock.now += 60
        assert refused(breaker) == 1.0
    succeed(breaker)


async def test_of_a_hundred_that_wait_exactly_one_gets_in(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    for cooldown in (1.0, 2.0, 4.0):
        clock.now += cooldown
        let_in, refusals = await herd(breaker, TroubleError())
        assert (let_in, refusals) == (1, 99)
        assert state(breaker) is State.OPEN
    clock.now += 8
    assert await herd(breaker, None) == (1, 99)
    assert await herd(breaker, None) == (100, 0)


async def test_even_without_a_cooldown_one_is_on_trial(clock: Clock) -> None:
    breaker = breaker_of(clock, cooldown=0.0)
    fail(breaker)
    assert await herd(breaker, None) == (1, 99)


async def herd(breaker: Breaker, error: Exception | None) -> tuple[int, int]:
    """How many of a hundred calls at once are let through and refused; those let in end so."""
    end = asyncio.Event()
    let_in = 0

    async def call() -> None:
        nonlocal let_in
        with breaker.call():
            let_in += 1
            await end.wait()
            if error:
                raise error

    calls = [asyncio.create_task(call()) for _ in range(100)]
    await asyncio.sleep(0)  # each has come as far as it can
    assert sum(not task.done() for task in calls) == let_in
    end.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    return let_in, sum(isinstance(result, BreakerOpen) for result in results)


async def test_a_cancelled_trial_lets_the_next_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 1

    async def call() -> None:
        with breaker.call():
            await asyncio.Event().wait()

    trial = asyncio.create_task(call())
    await asyncio.sleep(0)
    assert state(breaker) is State.HALF_OPEN
    trial.cancel()
    await asyncio.wait({trial})
    assert (state(breaker), breaker.remaining()) == (State.OPEN, 0)
    assert seen(breaker) == (2, 1)
    fail(breaker, 1)
    assert breaker.remaining() == 2.0


def test_an_answer_to_the_trial_closes_it_even_if_it_is_a_no(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker)
    clock.now += 1
    meet(breaker, DeclinedError())
    assert state(breaker) is State.CLOSED


def cooldowns(breaker: Breaker, clock: Clock, times: int) -> Iterator[float]:
    fail(breaker)
    for _ in range(times):
        yield breaker.remaining()
        clock.now += breaker.remaining()
        fail(breaker, 1)


def test_each_failed_trial_doubles_the_cooldown_up_to_the_longest(clock: Clock) -> None:
    breaker = breaker_of(clock)
    assert list(cooldowns(breaker, clock, 6)) == [1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize(
    ("random", "expected"),
    [(0.0, [0.8, 1.6, 3.2, 6.4, 12, 12]), (1.0, [1.2, 2.4, 4.8, 9.6, 15, 15])],
)
def test_the_cooldown_is_up_to_a_fifth_shorter_or_longer_but_never_beyond_the_longest(
    clock: Clock, random: float, expected: list[float]
) -> None:
    breaker = breaker_of(clock, lambda: random)
    assert list(cooldowns(breaker, clock, 6)) == pytest.approx(expected)


def test_a_success_resets_the_cooldown_and_the_count(breaker: Breaker, clock: Clock) -> None:
    assert list(cooldowns(breaker, clock, 3)) == [1, 2, 4]
    clock.now += 8
    succeed(breaker)
    fail(breaker, 2)
    assert state(breaker) is State.CLOSED
    fail(breaker, 1)
    assert breaker.remaining() == 1.0


def test_calls_of_before_it_opened_neither_prolong_nor_end_the_cooldown(
    breaker: Breaker, clock: Clock
) -> None:
    with breaker.call() as early, breaker.call() as late:
        fail(breaker)
        clock.now += 0.5
        early.failed()
        late.succeeded()
    assert refused(breaker) == 0.5
    assert seen(breaker) == (2, 1)


def test_calls_of_before_it_opened_decide_no_trial(breaker: Breaker, clock: Clock) -> None:
    with breaker.call() as early, breaker.call() as late:
        fail(breaker)
        clock.now += 1
        with breaker.call():
            early.succeeded()
            late.failed()
            assert state(breaker) is State.HALF_OPEN
    assert state(breaker) is State.CLOSED


def test_a_result_can_tell_of_a_failure_that_is_not_raised(breaker: Breaker) -> None:
    for _ in range(3):
        with breaker.call() as call:
            call.failed()
    assert state(breaker) is State.OPEN


def test_a_call_tells_only_once(breaker: Breaker) -> None:
    for _ in range(2):
        with contextlib.suppress(TroubleError), breaker.call() as call:
            call.failed()
            call.failed()
            raise TroubleError
    assert state(breaker) is State.CLOSED


def test_a_call_can_tell_nothing(breaker: Breaker) -> None:
    fail(breaker, 2)
    with breaker.call() as call:
        call.dropped()
    fail(breaker, 1)
    assert state(breaker) is State.OPEN


def test_without_a_call_it_can_be_told_too(breaker: Breaker, clock: Clock) -> None:
    for _ in range(10):
        breaker.failed()
    assert breaker.remaining() == 1.0
    clock.now += 1
    breaker.failed()
    assert breaker.remaining() == 2.0
    breaker.succeeded()
    succeed(breaker)
    assert state(breaker) is State.CLOSED
    assert seen(breaker) == (0, 2)


def test_every_change_of_state_is_seen_and_logged_once(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "functions.kit.breaker")
    fail(breaker)
    assert seen(breaker) == (2, 1)
    for _ in range(10):
        refused(breaker)
    clock.now += 1
    with breaker.call():
        assert seen(breaker) == (1, 1)
        refused(breaker)
    assert seen(breaker) == (0, 1)
    succeed(breaker)
    service = {"service": breaker.name}
    assert [(record.levelname, record.__dict__["fields"]) for record in caplog.records] == [
        ("WARNING", service | {"state": "open", "failures": 3, "cooldown": 1.0}),
        ("INFO", service | {"state": "half_open"}),
        ("INFO", service | {"state": "closed"}),
    ]
