"""Records outcomes in the database: those that come while others are recorded go together."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from functions.kit.database import DatabaseError, DatabaseRefused, Row
from functions.kit.hooks import Hooks
from functions.kit.metrics import FINISH_SECONDS
from functions.kit.queue import SETTLED_BY_DATABASE, Job, Outcome, Queue

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_AT_ONCE = 50
_GATHERING = 0.01


class Patiently(Protocol):
    """Tries a call of the database again while its trouble may pass."""

    async def __call__(self, call: Callable[[], Awaitable[T]], /) -> T: ...


class Recorder:
    """Outcomes of one queue, on their way into the database."""

    def __init__(self, queue: Queue, patiently: Patiently, hooks: Hooks) -> None:
        self._queue = queue
        self._patiently = patiently
        self._hooks = hooks
        self._waiting: list[tuple[Job, Outcome]] = []
        self._added = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether something is not recorded yet."""
        return not self._idle.is_set()

    def add(self, job: Job, outcome: Outcome) -> None:
        """Record this as soon as possible."""
        self._waiting.append((job, outcome))
        self._idle.clear()
        self._added.set()

    async def run(self, recorded: Callable[[], None], in_flight: Callable[[], int]) -> None:
        """Record until cancelled; `recorded` is called after each batch.

        While more jobs are `in_flight` than outcomes wait, it waits a moment for theirs.
        """
        while True:
            await self._added.wait()
            self._added.clear()
            while self._waiting:
                if len(self._waiting) < in_flight():
                    await asyncio.sleep(_GATHERING)
                batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                try:
                    await self._record(batch)
                except Exception:  # noqa: BLE001 - those that come after must be recorded
                    _LOG.exception("recording of %s failed", self._queue.name)
                recorded()
            self._idle.set()

    async def _record(self, batch: list[tuple[Job, Outcome]]) -> None:
        results = [self._queue.result(job, outcome) for job, outcome in batch]
        try:
            with FINISH_SECONDS.labels(self._queue.name).time():
                replies = await self._finish(results)
        except DatabaseError as error:
            self._log(logging.ERROR, "outcomes are lost; their leases bring them back", error=error)
            return
        counts = Counter(result["outcome"] for result in results)
        self._log(logging.INFO, "batch", jobs=len(batch), outcomes=counts)
        self._report(replies)
        settled = {row["message_id"] for row in replies if row["status"] in SETTLED_BY_DATABASE}
        for job, _ in batch:
            if job["message_id"] in settled:
                await self._hooks.after_commit(job)

    async def _finish(self, results: list[Row]) -> list[Row]:
        """Record them together, or, when the database cannot read one of them, each by itself."""
        try:
            return await self._patiently(lambda: self._queue.finish(results))
        except DatabaseRefused as error:
            if len(results) == 1:
                self._log(logging.ERROR, "result was refused", error=error)
                return []
        return [reply for result in results for reply in await self._finish([result])]

    def _report(self, replies: list[Row]) -> None:
        for reply in replies:
            if reply["status"] not in SETTLED_BY_DATABASE:
                self._log(logging.WARNING, "result was not recorded", **reply)

    def _log(self, level: int, message: str, **fields: object) -> None:
        _LOG.log(level, message, extra={"fields": {"queue": self._queue.name, **fields}})
