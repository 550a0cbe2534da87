"""A queue of the database: claim a batch of jobs, finish a batch of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from functions.kit.database import Database, Row

Job = Row
"""A claimed message: `message_id` and what the queue's claim verb documents."""

SETTLED_BY_DATABASE = ("finished", "retried")
_MAX_ERROR = 500


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    status: str
    """One of those that the queue's finish verb documents; every queue knows those made below."""
    data: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    """For staff: why it has to be tried again, or was given up."""
    delay_seconds: float | None = None
    trouble: bool = False
    """The outside service did not answer as it should: what its circuit breaker counts."""

    @classmethod
    def retry(cls, error: str, *, trouble: bool = False) -> "Outcome":
        """Nothing is known, or a passing fault: the job comes back later with the same key."""
        return cls("retry", error=error, trouble=trouble)

    @classmethod
    def postponed(cls, error: str, delay_seconds: float = 5, *, trouble: bool = False) -> "Outcome":
        """Nothing was tried, so this costs no attempt: the job comes back after the delay."""
        return cls("postponed", error=error, delay_seconds=delay_seconds, trouble=trouble)

    @classmethod
    def broken(cls, error: str) -> "Outcome":
        """An error that nobody foresaw, probably ours: few attempts, then people look at it."""
        return cls("broken", error=error)


@dataclass(frozen=True)
class Policy:
    """What the database says of a queue; times in seconds."""

    lease: float
    window: float
    batch_size: int


@dataclass(frozen=True)
class Queue:
    """The verbs `claim_<name>`, `finish_<name>` and `renew_<name>`."""

    database: Database
    name: str
    receipt: Sequence[str]
    """Fields of a job that its result must repeat, besides `message_id`."""

    async def policy(self) -> Policy:
        """How this queue is to be worked off.

        Raises:
            DatabaseError: see `Database.call`.
        """
        (row,) = await self.database.call("queue_policy", {"queue": self.name})
        return Policy(row["lease_seconds"], row["window_seconds"], row["batch_size"])

    async def claim(self, wanted: int, looks_again: float) -> list[Job]:
        """Take at most `wanted` due messages under a lease; none when nothing is due.

        `looks_again` promises another claim within so many seconds, which spares wake-ups.

        Raises:
            DatabaseError: see `Database.call`.
        """
        arguments = {"wanted": wanted, "looks_again": looks_again}
        return await self.database.call(f"claim_{self.name}", arguments)

    async def finish(self, results: Sequence[Row]) -> list[Row]:
        """Record results; each reply has `message_id` and `status`.

        Raises:
            DatabaseError: see `Database.call`.
        """
        return await self.database.call(f"finish_{self.name}", {"results": list(results)})

    async def renew(self, jobs: Sequence[Job]) -> list[Row]:
        """Hold on to jobs for another lease; each reply has `message_id` and `status`.

        Raises:
            DatabaseError: see `Database.call`.
        """
        receipts = [self._receipt(job) for job in jobs]
        return await self.database.call(f"renew_{self.name}", {"results": receipts})

    def result(self, job: Job, outcome: Outcome) -> Row:
        """The row that reports this outcome."""
        data = {name: _storable(value) for name, value in outcome.data.items()}
        row = self._receipt(job) | {"outcome": outcome.status, "data": data}
        if outcome.error:
            row["error"] = _storable(outcome.error[:_MAX_ERROR])
        if outcome.delay_seconds is not None:
            row["delay_seconds"] = outcome.delay_seconds
        return row

    def _receipt(self, job: Job) -> Row:
        return {name: job[name] for name in ("message_id", *self.receipt)}


def _storable(value: object) -> object:
    """Text that Postgres can keep: what others answer may hold NUL, or bytes that are no text."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "").encode("utf-8", "replace").decode()
