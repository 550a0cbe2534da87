"""How often somebody may call: so many requests a minute, all at once or spread out.

Everybody has a backlog, which grows with each request by the time that one request takes at the
allowed rate, and shrinks as time passes. It never grows beyond a minute (GCRA).
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from functions.api.settings import ApiSettings
from functions.kit.breaker import Breaker, State
from functions.kit.problems import Problem

_LOG = logging.getLogger(__name__)
_WINDOW_SECONDS = 60.0
_MOST_KNOWN = 100_000


@dataclass(frozen=True)
class Allowance:
    """What is left for a caller."""

    limit: int
    backlog: float
    """Seconds until they may ask as often as they like again."""

    def headers(self) -> dict[str, str]:
        """As answers tell it; times in whole seconds."""
        left = (_WINDOW_SECONDS - self.backlog) * self.limit / _WINDOW_SECONDS
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, math.floor(left + 1e-6))),
            "RateLimit-Reset": str(math.ceil(self.backlog)),
        }


class Backlogs(Protocol):
    """Everybody's backlog, by a key."""

    async def add(self, key: str, seconds: float, most: float) -> tuple[bool, float]:
        """Whether it could grow by so much, and what it is now."""


class OwnBacklogs:
    """Those that this process knows of; when they are too many, the oldest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._ends: OrderedDict[str, float] = OrderedDict()

    async def add(self, key: str, seconds: float, most: float) -> tuple[bool, float]:
        """See `Backlogs`."""
        now = self._clock()
        end = max(self._ends.pop(key, now), now)
        admitted = end + seconds - now <= most
        self._ends[key] = end = end + seconds if admitted else end
        if len(self._ends) > _MOST_KNOWN:
            self._ends.popitem(last=False)
        return admitted, end - now


class RateLimits:
    """One limit for each user, one for each address of those who are not signed in."""

    def __init__(
        self,
        settings: ApiSettings,
        own: Backlogs,
        shared: Backlogs | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shared` counts for all processes; while it fails, each counts its `own`.

        After a failure, it is left alone for a second of `clock`.
        """
        self._known = settings.requests_per_minute
        self._unknown = settings.anonymous_requests_per_minute
        self._own = own
        self._shared = shared
        self._breaker = Breaker(
            "rate_limits",
            trouble=(Exception,),
            failures=1,
            cooldown=1,
            longest_cooldown=1,
            clock=clock,
        )

    async def take(self, who: str, *, is_known: bool) -> Allowance:
        """Count one request of this user or address.

        Raises:
            Problem: 429, they have asked too often.
        """
        limit = self._known if is_known else self._unknown
        seconds = _WINDOW_SECONDS / limit
        kind = "user" if is_known else "address"
        admitted, backlog = await self._add(f"{kind}:{who}", seconds)
        allowance = Allowance(limit, backlog)
        if not admitted:
            wait = math.ceil(max(1.0, backlog + seconds - _WINDOW_SECONDS))
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"These are too many requests. Try again in {wait} s.",
                headers=allowance.headers() | {"Retry-After": str(wait)},
            )
        return allowance

    async def _add(self, who: str, seconds: float) -> tuple[bool, float]:
        if self._shared:
            worked = self._breaker.state is State.CLOSED
            try:
                with self._breaker.call():
                    return await self._shared.add(who, seconds, _WINDOW_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, sharing only helps
                if worked:
                    _LOG.warning("requests are counted by this process alone", exc_info=error)
        return await self._own.add(who, seconds, _WINDOW_SECONDS)
