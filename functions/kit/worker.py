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
from functions.kit.metrics import (
    CLAIM_SECONDS,
    DRAINING,
    EFFECT_SECONDS,
    JOBS,
    JOBS_IN_FLIGHT,
)
from functions.kit.queue import Job, Outcome, Policy, Queue
from functions.kit.recorder import Recorder

Effect = Callable[[Job], Awaitable[Outcome]]
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_LAST_WORDS = 2.0
_TO_FINISH = 7.0
_SHORTEST_LEASE = 1.0
_FIRST_PAUSE = 0.003
_LONGEST_PAUSE = 0.02
_GATHERING = 0.01


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
        self.linger = linger
        self.looks_again = looks_again
        self._delays = delays
        self._hooks = hooks or Hooks()
        self.feeds: list[Worker] = []
        """Those in this process whose queues may get something when an outcome is recorded."""
        self._recorder = Recorder(queue, self._patiently, self._hooks)
        self._stirred = asyncio.Event()
        self._woken = False
        self._halted = asyncio.Event()
        self._drain: asyncio.Task[None] | None = None
        self._effects: dict[asyncio.Task[Outcome], Job] = {}
        self._lease = _SHORTEST_LEASE  # until the policy is known
        self._leave_at = self._worked_at = self._claimed_at = -math.inf

    def wake(self) -> None:
        """There may be work. Returns at once; any number of calls make one drain."""
        self._woken = True
        self._stirred.set()
        if self._drain is None or self._drain.done():
            self._begin()

    async def stop(self, seconds: float) -> None:
        """Claim no more and finish what is in hand.

        Effects that take longer are given up; what is done is still recorded, and the rest comes
        back to another worker.
        """
        self._halted.set()
        self._stirred.set()
        if self._drain is None:
            return
        await asyncio.wait({self._drain}, timeout=seconds)
        for effect in self._effects:
            effect.cancel()
        await asyncio.wait({self._drain}, timeout=_LAST_WORDS)
        self._drain.cancel()
        await asyncio.gather(self._drain, return_exceptions=True)

    async def idle(self, seconds: float) -> None:
        """Return when its queue is empty, or, having stopped, after so many seconds.

        For a process that is frozen between wake-ups: whoever wakes it then finds it ready. What is
        left in the queue is another wake-up's.
        """
        try:
            async with asyncio.timeout(max(0.0, seconds - _TO_FINISH)):
                while self._drain and not self._drain.done():
                    await asyncio.wait({self._drain})
        except TimeoutError:
            await self.stop(_TO_FINISH - _LAST_WORDS)
            self._halted.clear()

    def _begin(self) -> None:
        if not self._stopping:
            self._drain = asyncio.create_task(self._run(), name=f"drain {self.queue.name}")

    async def _run(self) -> None:
        helpers = [
            asyncio.create_task(self._recorder.run(self._recorded, lambda: len(self._effects))),
            asyncio.create_task(self._renew_leases()),
        ]
        DRAINING.labels(self.queue.name).set(1)
        try:
            while self._woken and not self._stopping:
                await self._work_off()
                await self._until_idle()
        finally:
            DRAINING.labels(self.queue.name).set(0)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        if self._woken:
            self._begin()  # who woke it found it leaving

    async def _work_off(self) -> None:
        self._woken = False
        try:
            policy = await self._patiently(self.queue.policy, self._pause)
            self._lease = policy.lease
            await self._until_empty(policy)
        except DatabaseError as error:
            self._log(logging.ERROR, "drain ended, the next wake-up begins another", error=error)
        except Exception:  # noqa: BLE001 - nobody awaits the drain, so its cause is logged here
            _LOG.exception("drain of %s failed", self.queue.name)

    async def _until_empty(self, policy: Policy) -> None:
        self._leave_at = max(self._leave_at, time.monotonic() + self.linger)
        pause = _FIRST_PAUSE
        while not self._stopping or self._busy():
            self._heed_wake_ups()
            claimed = await self._claim(policy)
            if claimed:
                pause = _FIRST_PAUSE
                if claimed == policy.batch_size:
                    continue
            # A claim that was asked before an outcome was recorded did not see what this led to.
            seen = not self._busy() and not self._stirred.is_set()
            if seen and time.monotonic() > self._leave_at:
                return
            if await _happens(self._stirred, pause):
                pause = _FIRST_PAUSE
            pause = min(pause * 1.25, _LONGEST_PAUSE)

    def _heed_wake_ups(self) -> None:
        self._stirred.clear()
        if self._woken:
            self._woken = False
            self._leave_at = max(self._leave_at, time.monotonic() + self.linger)

    async def _until_idle(self) -> None:
        """After trouble: see what is in hand through, unless somebody wakes it meanwhile."""
        while self._busy() and (self._stopping or not self._woken):
            self._stirred.clear()
            await _happens(self._stirred, _LONGEST_PAUSE)

    @property
    def _stopping(self) -> bool:
        return self._halted.is_set()

    def _busy(self) -> bool:
        return bool(self._effects) or self._recorder.busy

    async def _claim(self, policy: Policy) -> int:
        free = self._concurrency - len(self._effects)
        if self._stopping or free <= 0 or self._is_just_fed(free):
            return 0
        if policy.window and not self._busy():
            await self._pause(policy.window)
        with CLAIM_SECONDS.labels(self.queue.name).time():
            jobs = await self._patiently(lambda: self._take(free), self._pause)
        if jobs:
            self._worked_at = time.monotonic()
        for job in jobs:
            self._start(job)
        return len(jobs)

    def _recorded(self) -> None:
        self._stirred.set()
        for other in self.feeds:
            other.wake()

    def _is_just_fed(self, free: int) -> bool:
        """Few places are free, and it claimed a moment ago: more will be free in the next."""
        return free < len(self._effects) and time.monotonic() < self._claimed_at + _GATHERING

    async def _take(self, free: int) -> list[Job]:
        """Claim. While there is work, promise to look again soon, and stay until that is past."""
        if self._stopping:
            return []
        recent = time.monotonic() <= self._worked_at + self.looks_again / 4
        promise = self.looks_again if recent or self._busy() else 0
        try:
            return await self.queue.claim(free, promise)
        finally:
            self._claimed_at = time.monotonic()
            self._leave_at = max(self._leave_at, self._claimed_at + promise)

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._perform(job))
        self._effects[task] = job
        JOBS_IN_FLIGHT.labels(self.queue.name).inc()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        job = self._effects.pop(task)
        JOBS_IN_FLIGHT.labels(self.queue.name).dec()
        if task.cancelled():  # before it began
            outcome = Outcome.postponed("stopped", 1)
        elif error := task.exception():
            _LOG.error("outcome of message %s is lost", job["message_id"], exc_info=error)
            return  # its lease brings it back
        else:
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
            held = list(self._effects.items())
            await asyncio.sleep(self._lease / 3)
            if slow := [(task, job) for task, job in held if not task.done()]:
                await self._renew(slow)

    async def _renew(self, held: list[tuple[asyncio.Task[Outcome], Job]]) -> None:
        try:
            replies = await self.queue.renew([job for _, job in held])
        except DatabaseError as error:
            self._log(logging.WARNING, "leases were not renewed", error=error)
            return
        # In their order: after a long pause, a message may be in hand twice, and one of them lost.
        for (task, job), reply in zip(held, replies, strict=False):
            if reply["status"] == "lost":
                self._log(logging.WARNING, "lease was lost", message_id=job["message_id"])
                task.cancel()

    async def _pause(self, seconds: float) -> None:
        """Not longer than until it is told to stop."""
        await _happens(self._halted, seconds)

    async def _patiently(
        self,
        call: Callable[[], Awaitable[T]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> T:
        for delay in self._delays:
            try:
                return await call()
            except DatabaseRefused:
                raise
            except DatabaseError as error:
                self._log(logging.WARNING, "database trouble", error=error, retry_in=delay)
                await pause(delay)
        return await call()

    def _log(self, level: int, message: str, **fields: object) -> None:
        _LOG.log(level, message, extra={"fields": {"queue": self.queue.name, **fields}})


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Whether it does, within that time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
