"""The fake shop's clock."""

from datetime import UTC, datetime, timedelta

_TICK = timedelta(microseconds=1)


class Clock:
    """The time in the fake shop: the machine's, moved by as much as a test says.

    No two readings are the same, so whatever the shop notes down has an order.
    """

    def __init__(self) -> None:
        self._moved = timedelta()
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The time, in UTC."""
        self._last = max(datetime.now(UTC) + self._moved, self._last + _TICK)
        return self._last

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once, such as until a token or a reservation ends."""
        if seconds < 0:
            raise ValueError("a clock goes on, never back")
        self._moved += timedelta(seconds=seconds)

    def stamp(self) -> str:
        """The time as REST writes it."""
        return self.now().isoformat()
