"""Drains a queue when woken: claim a batch, run its effects, finish it, until nothing is due."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from functions.kit.database import DatabaseError, DatabaseRefused, Row
from functions.kit.queue import SETTLED_BY_DATABASE, Job, Outcome, Queue

Effect = Callable[[Job], Awaitable[Outcome]]
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_LAST_WORDS = 2.0


class Worker:
    """One drain at a time of one queue. The drain belongs to the process, not to who woke it."""

    def __init__(
        self,
        queue: Queue,
        effect: Effect,
        *,
        concurrency: int = 20,
        linger: float = 0.1,
        delays: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 4.0),
    ) -> None:
        """Times are seconds: `linger` before the last claim, `delays` between tries of a verb."""
        self.queue = queue
        self._effect = effect
        self._slots = asyncio.Semaphore(concurrency)
        self._linger = linger
        self._delays = delays
        self._woken = asyncio.Event()
        self._stopping = False
        self._drain: asyncio.Task[None] | None = None
        self._effects: list[asyncio.Task[Outcome]] = []

    def wake(self) -> None:
        """There may be work. Returns at once; any number of calls make one drain."""
        self._woken.set()
        if not self._stopping and (self._drain is None or self._drain.done()):
            self._drain = asyncio.create_task(self._run(), name=f"drain {self.queue.name}")

    async def stop(self, seconds: float) -> None:
        """Claim no more and finish the batch in hand.

        Effects that take longer are given up; what is done of the batch is still recorded, and the
        rest comes back when its lease ends.
        """
        self._stopping = True
        self._woken.set()
        if self._drain is None:
            return
        await asyncio.wait({self._drain}, timeout=seconds)
        for effect in self._effects:
            effect.cancel()
        await asyncio.wait({self._drain}, timeout=_LAST_WORDS)
        self._drain.cancel()
        await asyncio.gather(self._drain, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self._until_empty()
        except DatabaseError as error:
            self._log(logging.ERROR, "drain ended, the next wake-up begins another", error=error)
        except Exception:  # noqa: BLE001 - nobody awaits the drain, so its cause is logged here
            _LOG.exception("drain of %s failed", self.queue.name)

    async def _until_empty(self) -> None:
        quiet = False
        while not self._stopping:
            self._woken.clear()
            if jobs := await self._patiently(self._claim):
                await self._work(jobs)
                quiet = False
            elif self._woken.is_set():
                quiet = False
            elif quiet:
                return
            else:
                # A wake-up may stand for a transaction that commits just after it was sent.
                quiet = not await self._woken_within(self._linger)

    async def _claim(self) -> list[Job]:
        return [] if self._stopping else await self.queue.claim()

    async def _work(self, jobs: list[Job]) -> None:
        begun = time.monotonic()
        self._effects = [asyncio.create_task(self._perform(job)) for job in jobs]
        outcomes = await asyncio.gather(*self._effects, return_exceptions=True)
        results = [
            self.queue.result(job, outcome)
            for job, outcome in zip(jobs, outcomes, strict=True)
            if isinstance(outcome, Outcome)
        ]
        replies = await self._finish(results)
        counts = Counter(result["outcome"] for result in results)
        took = round((time.monotonic() - begun) * 1000)
        self._log(logging.INFO, "batch", jobs=len(jobs), outcomes=counts, milliseconds=took)
        self._report(replies)

    async def _perform(self, job: Job) -> Outcome:
        try:
            async with self._slots:
                return await self._effect(job)
        except asyncio.CancelledError:
            return Outcome.retry("stopped")
        except Exception as error:  # noqa: BLE001 - its neighbours must be finished
            _LOG.exception("effect failed for message %s", job["message_id"])
            return Outcome.retry(f"unexpected {type(error).__name__}")

    async def _finish(self, results: list[Row]) -> list[Row]:
        """Record them together, or, when the database cannot read one of them, each by itself."""
        try:
            return await self._patiently(lambda: self.queue.finish(results))
        except DatabaseRefused as error:
            if len(results) == 1:
                self._log(logging.ERROR, "result was refused", error=error)
                return []
        return [reply for result in results for reply in await self._finish([result])]

    def _report(self, replies: list[Row]) -> None:
        for reply in replies:
            if reply["status"] not in SETTLED_BY_DATABASE:
                self._log(logging.WARNING, "result was not recorded", **reply)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        for delay in self._delays:
            try:
                return await call()
            except DatabaseRefused:
                raise
            except DatabaseError as error:
                self._log(logging.WARNING, "database trouble", error=error, retry_in=delay)
                await asyncio.sleep(delay)
        return await call()

    async def _woken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._woken.wait()
        except TimeoutError:
            return False

    def _log(self, level: int, message: str, **fields: object) -> None:
        _LOG.log(level, message, extra={"fields": {"queue": self.queue.name, **fields}})
