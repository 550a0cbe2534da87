"""What a test lets go wrong with a fake shop."""

from orderbase.errors import ConnectionFailed
from orderbase.testing._faults import Fault
from orderbase.testing._inside import Inside


class Troubles(Inside):
    """Faults of the line and of sessions."""

    def fail_next(
        self, fault: Fault, *, times: int = 1, path: str = "", retry_after: int | None = None
    ) -> None:
        """The next requests meet a fault, and nothing of what they ask for happens.

        Args:
            fault: ConnectionFailed, TimedOut (no answer, until the client gives up), RateLimited,
                or an HTTP status such as 503.
            times: how many requests; the client's retries count.
            path: only those whose path has this in it, such as "place_order" or "/auth/".
            retry_after: seconds that an answer says to wait.
        """
        self._parts.faults.plan(fault, times=times, path=path, retry_after=retry_after)

    def lose_next_answer(self, *, times: int = 1, path: str = "") -> None:
        """What the next requests ask for happens, but the line is cut before the answer."""
        self._parts.faults.plan(ConnectionFailed, times=times, path=path, after_effect=True)

    def expire_tokens(self) -> None:
        """All access tokens expire now: who has a session gets another."""
        self._parts.people.expire()

    def end_sessions(self) -> None:
        """All sessions end, as if everybody had signed out elsewhere."""
        self._parts.people.sessions.clear()
