"""Where somebody may look on while jobs are worked off: tests break a worker just there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from functions.kit.queue import Job, Outcome


async def _nothing(_job: Job) -> None:
    pass


async def _nothing_of_outcome(_job: Job, _outcome: Outcome) -> None:
    pass


@dataclass(frozen=True)
class Hooks:
    """Awaited at the boundaries of each job's life."""

    before_call: Callable[[Job], Awaitable[None]] = _nothing
    """The intent is committed, the outside world knows nothing yet."""
    after_call: Callable[[Job, Outcome], Awaitable[None]] = _nothing_of_outcome
    """The outside world has answered, the database knows nothing of it."""
    after_commit: Callable[[Job], Awaitable[None]] = _nothing
    """The outcome is recorded, and nothing is left to do for this job."""
