"""Faults on demand: what the next requests meet instead of an answer."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from orderbase import errors
from orderbase._http import Response
from orderbase.testing._refusals import rest_refusal

Fault: TypeAlias = type[errors.OrderbaseError] | int
"""ConnectionFailed, TimedOut, RateLimited, or the HTTP status of a failure (400 to 599)."""


@dataclass(frozen=True, slots=True)
class _Planned:
    fault: Fault
    path: str
    after_effect: bool
    retry_after: int | None


class Faults:
    """What is still to go wrong, in order."""

    def __init__(self) -> None:
        self._planned: deque[_Planned] = deque()
        self._lock = threading.Lock()

    def plan(
        self,
        fault: Fault,
        *,
        times: int = 1,
        path: str = "",
        after_effect: bool = False,
        retry_after: int | None = None,
    ) -> None:
        """Let it happen to the next requests whose path has this in it."""
        kinds = (errors.ConnectionFailed, errors.TimedOut, errors.RateLimited)
        if not (fault in kinds or (isinstance(fault, int) and 400 <= fault <= 599)):
            raise ValueError(f"the fake shop does not know how to fail with {fault}")
        planned = _Planned(fault, path, after_effect, retry_after)
        with self._lock:
            self._planned.extend([planned] * times)

    def take(self, path: str, *, after_effect: bool) -> _Planned | None:
        """What happens now, if something does."""
        with self._lock:
            for planned in self._planned:
                if planned.path in path and planned.after_effect == after_effect:
                    self._planned.remove(planned)
                    return planned
        return None


def response_of(planned: _Planned) -> Response | None:
    """The answer of a fault that is one; None if nothing is answered, in time or at all."""
    if planned.fault is errors.ConnectionFailed:
        raise errors.ConnectionFailed("The fake shop's line was cut, as the test wished.")
    if planned.fault is errors.TimedOut:
        return None
    status = planned.fault if isinstance(planned.fault, int) else 429
    refusal = rest_refusal(status, "fault", "The fake shop fails, as the test wished.").response
    if planned.retry_after is None:
        return refusal
    headers = {**refusal.headers, "retry-after": str(planned.retry_after)}
    return Response(status, refusal.content, headers)
