"""A circuit breaker: leaves an outside service alone for a while after it failed repeatedly."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from functions.kit.metrics import BREAKER_OPENED, BREAKER_STATE

_LOG = logging.getLogger(__name__)
_JITTER = 0.2


class State(IntEnum):
    """The numbers are what the metrics show."""

    CLOSED = 0
    """Every call is let through."""
    HALF_OPEN = 1
    """One call is on trial; the others wait for what becomes of it."""
    OPEN = 2
    """No call is let through until the cooldown ends; then the first is the trial."""


class BreakerOpen(Exception):  # noqa: N818 - says what happened
    """The service was not called; it may be tried in `remaining` seconds."""

    def __init__(self, name: str, remaining: float) -> None:
        super().__init__(f"{name} is left alone for {remaining:.1f} s")
        self.name = name
        self.remaining = remaining


class Breaker:
    """Of one service, within one event loop.

    Consecutive failures open it. Each failed trial doubles the cooldown; a success closes it.
    """

    def __init__(
        self,
        name: str,
        *,
        trouble: tuple[type[BaseException], ...],
        failures: int = 5,
        cooldown: float = 1.0,
        longest_cooldown: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`trouble` is what a call raises if the service is ill. Any other error is an answer."""
        self.name = name
        self.state = State.CLOSED
        self.era = 0
        """Counts changes of state: a call that began in another era tells nothing of this one."""
        self._trouble = trouble
        self._failures = failures
        self._cooldown = self._next_cooldown = cooldown
        self._longest_cooldown = longest_cooldown
        self._clock = clock
        self._random = random
        self._failed = 0
        self._until = -math.inf
        BREAKER_STATE.labels(name).set(self.state)
        BREAKER_OPENED.labels(name)  # so that it is seen at 0

    def remaining(self) -> float:
        """Seconds until a call may be tried, 0 if now; while one is on trial, when to ask again."""
        if self.state is State.HALF_OPEN:
            return self._cooldown
        return max(0.0, self._until - self._clock())

    @contextmanager
    def call(self) -> Iterator["Call"]:
        """Let a call through, and learn from how it ends.

        The call's time-out belongs inside: a cancellation tells nothing of the service.

        Raises:
            BreakerOpen: the service is not to be called now.
        """
        call = self._admit()
        try:
            yield call
        except BaseException as error:
            self._judge(call, error)
            raise
        call.succeeded()

    def succeeded(self) -> None:
        """The service works: close, and forget what was."""
        self._failed = 0
        self._until = -math.inf
        self._next_cooldown = self._cooldown
        if self.state is not State.CLOSED:
            self._become(State.CLOSED, logging.INFO)

    def failed(self) -> None:
        """The service failed; while it is left alone anyway, that is no news."""
        if self.state is State.OPEN and self.remaining():
            return
        self._failed += 1
        if self._failed >= self._failures:
            self._open()

    def dropped(self) -> None:
        """The trial ended without telling anything: the next call is on trial."""
        if self.state is State.HALF_OPEN:
            self._become(State.OPEN, logging.INFO)

    def _admit(self) -> "Call":
        remaining = self.remaining()
        if remaining or self.state is State.HALF_OPEN:
            raise BreakerOpen(self.name, remaining)
        if self.state is State.OPEN:
            self._become(State.HALF_OPEN, logging.INFO)
        return Call(self)

    def _judge(self, call: "Call", error: BaseException) -> None:
        cancelled = isinstance(error, asyncio.CancelledError)
        if isinstance(error, self._trouble) and not cancelled:
            call.failed()
        elif isinstance(error, Exception):
            call.succeeded()
        else:
            call.dropped()

    def _open(self) -> None:
        jitter = 1 + _JITTER * (2 * self._random() - 1)
        cooldown = min(self._longest_cooldown, self._next_cooldown * jitter)
        self._until = self._clock() + cooldown
        self._next_cooldown = min(self._longest_cooldown, 2 * self._next_cooldown)
        BREAKER_OPENED.labels(self.name).inc()
        self._become(State.OPEN, logging.WARNING, failures=self._failed, cooldown=cooldown)

    def _become(self, state: State, level: int, **fields: object) -> None:
        self.state = state
        self.era += 1
        BREAKER_STATE.labels(self.name).set(state)
        fields = {"service": self.name, "state": state.name.lower(), **fields}
        _LOG.log(level, "circuit breaker", extra={"fields": fields})


class Call:
    """One call that was let through. What it tells first counts, unless it is of another era."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._era = breaker.era
        self._told = False

    def succeeded(self) -> None:
        """The service did what it does, or said no."""
        self._tell(self._breaker.succeeded)

    def failed(self) -> None:
        """The service failed, though nothing is raised."""
        self._tell(self._breaker.failed)

    def dropped(self) -> None:
        """Nobody knows."""
        self._tell(self._breaker.dropped)

    def _tell(self, verdict: Callable[[], None]) -> None:
        if not self._told and self._era == self._breaker.era:
            verdict()
        self._told = True
