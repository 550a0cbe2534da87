"""How often a client may do what it does; the defaults are Supabase's."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server. Rates are means: ten seconds' worth may come at once."""

    events_per_second: float = 100
    """Broadcasts of one connection, and of all HTTP requests together."""
    joins_per_second: float = 100
    """Joins of one connection."""
    presence_calls: int = 5
    """Calls to `track` and `untrack` of one channel in each window."""
    presence_window: float = 30
    """Seconds."""


class Rate:
    """A token bucket."""

    _BURST_SECONDS = 10

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = per_second * self._BURST_SECONDS
        self._left = self._most
        self._counted_at = time.monotonic()

    def allows(self, count: int = 1) -> bool:
        """Whether that many more may happen now; if so, they count."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if count > self._left:
            return False
        self._left -= count
        return True


class Window:
    """So many in each stretch of seconds; the first one after a stretch begins the next."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._count = 0
        self._ends_at = 0.0

    def allows(self) -> bool:
        """Whether one more may happen now; if so, it counts."""
        now = time.monotonic()
        if now > self._ends_at:
            self._count, self._ends_at = 0, now + self._seconds
        self._count += 1
        return self._count <= self._most
