"""A queue of the database: claim a batch of jobs, finish a batch of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from functions.kit.database import Database, Row

Job = Row
"""A claimed message: `message_id`, `reads`, and what the queue's claim verb documents."""

SETTLED_BY_DATABASE = ("finished", "retried")
_MAX_ERROR = 500


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    status: str
    """One of those that the queue's finish verb documents; every queue knows `retry`."""
    data: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    """For staff: why it has to be tried again, or was given up."""

    @classmethod
    def retry(cls, error: str) -> "Outcome":
        """Nothing is known, or a passing fault: the job comes back later with the same key."""
        return cls("retry", error=error)


@dataclass(frozen=True)
class Queue:
    """The verbs `claim_<name>` and `finish_<name>`."""

    database: Database
    name: str
    receipt: Sequence[str]
    """Fields of a job that its result must repeat, besides `message_id` and `reads`."""
    claim_arguments: Mapping[str, object] = field(default_factory=dict)

    async def claim(self) -> list[Job]:
        """Take due messages under a lease; none when nothing is due.

        Raises:
            DatabaseError: see `Database.call`.
        """
        return await self.database.call(f"claim_{self.name}", self.claim_arguments)

    async def finish(self, results: Sequence[Row]) -> list[Row]:
        """Record results; each reply has `message_id` and `status`.

        Raises:
            DatabaseError: see `Database.call`.
        """
        return await self.database.call(f"finish_{self.name}", {"results": list(results)})

    def result(self, job: Job, outcome: Outcome) -> Row:
        """The row that reports this outcome."""
        identity = {name: job[name] for name in ("message_id", "reads", *self.receipt)}
        data = {name: _storable(value) for name, value in outcome.data.items()}
        row = identity | {"outcome": outcome.status, "data": data}
        if outcome.error:
            row["error"] = _storable(outcome.error[:_MAX_ERROR])
        return row


def _storable(value: object) -> object:
    """Text that Postgres can keep: what others answer may hold NUL, or bytes that are no text."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "").encode("utf-8", "replace").decode()
