"""Drains a queue when woken: claims jobs, runs their effects side by side, records outcomes.

Claiming, effects and recording overlap: a slow effect holds only its own place, and outcomes that
come while others are being recorded go together in the next call.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from functions.kit.database import DatabaseError, DatabaseRefused
from functions.kit.hooks import Hooks
from functions.kit.metrics import CLAIM_SECONDS, EFFECT_SECONDS, JOBS, JOBS_IN_FLIGHT
from functions.kit.queue import Job, Outcome, Policy, Queue
from functions.kit.recorder import Recorder

Effect = Callable[[Job], Awaitable[Outcome]]
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_LAST_WORDS = 2.0
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.05


class Worker:
    """One drain at a time of one queue. The drain belongs to the process, not to who woke it."""

    def __init__(
        self,
        queue: Queue,
        effect: Effect,
        *,
        concurrency: int = 40,
        linger: float = 0.1,
        looks_again: float = 2.0,
        delays: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 4.0),
        hooks: Hooks | None = None,
    ) -> None:
        """Times are seconds.

        `linger`: how long an empty queue is looked at after a wake-up; `looks_again`: after work.
        `delays`: between tries of a verb.
        """
        self.queue = queue
        self._effect = effect
        self._concurrency = concurrency
        self._linger = linger
        self._looks_again = looks_again
        self._delays = delays
        self._hooks = hooks or Hooks()
        self._recorder = Recorder(queue, self._patiently, self._hooks)
        self._stirred = asyncio.Event()
        self._stopping = False
        self._drain: asyncio.Task[None] | None = None
        self._effects: dict[asyncio.Task[Outcome], Job] = {}
        self._policy: Policy | None = None
        self._leave_at = self._worked_at = -math.inf

    def wake(self) -> None:
        """There may be work. Returns at once; any number of calls make one drain."""
        self._stirred.set()
        if not self._stopping and (self._drain is None or self._drain.done()):
            self._drain = asyncio.create_task(self._run(), name=f"drain {self.queue.name}")

    async def stop(self, seconds: float) -> None:
        """Claim no more and finish what is in hand.

        Effects that take longer are given up; what is done is still recorded, and the rest comes
        back to another worker.
        """
        self._stopping = True
        self._stirred.set()
        if self._drain is None:
            return
        await asyncio.wait({self._drain}, timeout=seconds)
        for effect in self._effects:
            effect.cancel()
        await asyncio.wait({self._drain}, timeout=_LAST_WORDS)
        self._drain.cancel()
        await asyncio.gather(self._drain, return_exceptions=True)

    async def _run(self) -> None:
        helpers = [
            asyncio.create_task(self._recorder.run(self._stirred.set)),
            asyncio.create_task(self._renew_leases()),
        ]
        try:
            await self._until_empty()
        except DatabaseError as error:
            self._log(logging.ERROR, "drain ended, the next wake-up begins another", error=error)
        except Exception:  # noqa: BLE001 - nobody awaits the drain, so its cause is logged here
            _LOG.exception("drain of %s failed", self.queue.name)
        finally:
            if self._effects:
                await asyncio.wait(self._effects)
            await self._recorder.flushed()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _until_empty(self) -> None:
        self._policy = await self._patiently(self.queue.policy)
        self._leave_at = time.monotonic() + self._linger
        pause = _FIRST_PAUSE
        while not self._stopping or self._busy():
            self._stirred.clear()
            claimed = await self._claim(self._policy)
            if claimed:
                pause = _FIRST_PAUSE
                if claimed == self._policy.batch_size:
                    continue
            if time.monotonic() > self._leave_at and not self._busy():
                return
            if await self._stirred_within(pause):
                pause = _FIRST_PAUSE
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _busy(self) -> bool:
        return bool(self._effects) or self._recorder.busy

    async def _claim(self, policy: Policy) -> int:
        free = self._concurrency - len(self._effects)
        if self._stopping or free <= 0:
            return 0
        if policy.window and not self._busy():
            await asyncio.sleep(policy.window)
        with CLAIM_SECONDS.labels(self.queue.name).time():
            jobs = await self._patiently(lambda: self.queue.claim(free, self._promise()))
        if jobs:
            self._worked_at = time.monotonic()
        for job in jobs:
            self._start(job)
        return len(jobs)

    def _promise(self) -> float:
        """While there is work, say that the next look comes soon; then stay until that is past."""
        now = time.monotonic()
        if not self._busy() and now > self._worked_at + self._looks_again / 4:
            return 0
        self._leave_at = now + self._looks_again
        return self._looks_again

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._perform(job))
        self._effects[task] = job
        JOBS_IN_FLIGHT.labels(self.queue.name).inc()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        job = self._effects.pop(task)
        JOBS_IN_FLIGHT.labels(self.queue.name).dec()
        if task.cancelled() or task.exception():
            return  # given up before it began; its lease brings it back
        outcome = task.result()
        JOBS.labels(self.queue.name, outcome.status).inc()
        self._recorder.add(job, outcome)

    async def _perform(self, job: Job) -> Outcome:
        begun = time.monotonic()
        try:
            await self._hooks.before_call(job)
            outcome = await self._effect(job)
        except asyncio.CancelledError:
            return Outcome.postponed("stopped", 1)
        except Exception as error:  # noqa: BLE001 - its neighbours must be finished
            _LOG.exception("effect failed for message %s", job["message_id"])
            return Outcome.broken(f"unexpected {type(error).__name__}")
        step = str(job.get("step") or job.get("template") or "")
        EFFECT_SECONDS.labels(self.queue.name, step).observe(time.monotonic() - begun)
        await self._hooks.after_call(job, outcome)
        return outcome

    async def _renew_leases(self) -> None:
        """Each third of a lease, hold on to what is still being done; let go of what is lost."""
        while True:
            lease = self._policy.lease if self._policy else 60.0
            held = dict(self._effects)
            await asyncio.sleep(lease / 3)
            slow = {job["message_id"]: task for task, job in held.items() if not task.done()}
            if slow:
                jobs = [job for task, job in held.items() if not task.done()]
                await self._renew(jobs, slow)

    async def _renew(self, jobs: list[Job], tasks: dict[int, asyncio.Task[Outcome]]) -> None:
        try:
            replies = await self.queue.renew(jobs)
        except DatabaseError as error:
            self._log(logging.WARNING, "leases were not renewed", error=error)
            return
        for reply in replies:
            if reply["status"] == "lost":
                self._log(logging.WARNING, "lease was lost", message_id=reply["message_id"])
                tasks[reply["message_id"]].cancel()

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

    async def _stirred_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stirred.wait()
        except TimeoutError:
            return False

    def _log(self, level: int, message: str, **fields: object) -> None:
        _LOG.log(level, message, extra={"fields": {"queue": self.queue.name, **fields}})
