"""How a worker is broken: where, and what happens to it there."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from functions.kit.database import DatabaseUnavailable, Row
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue

Point = Literal["before_call", "after_call", "after_commit"]
Harm = Literal["kill", "stop", "hang", "lose_reply", "raise"]
POINTS: tuple[Point, ...] = get_args(Point)
NOTIFY = "notify"
"""What the mails are called where steps are named."""

EVENTS_FD = 3
"""Where a forked worker tells what happens to it."""


@dataclass(frozen=True)
class Breakage:
    """The harm that a worker comes to, once, when a job is at a point."""

    step: str
    """A step of the saga, or `notify`; `any` is all of them."""
    point: Point
    harm: Harm
    """kill and stop are signals to itself; hang (the carrier only) and lose_reply (of the verb that
    records) make it wait for an answer that never comes; raise is an error that nobody foresaw."""
    nth: int = 1
    """So many such jobs get there unharmed, less one."""

    @classmethod
    def of_json(cls, text: str) -> "Breakage":
        return cls(**json.loads(text))

    def json(self) -> str:
        return json.dumps(asdict(self))

    def concerns(self, job: Mapping[str, object]) -> bool:
        """Whether the job, or its result, is of this step; mails that are only known never are."""
        if "email_id" in job:
            is_mail = job.get("status", "claimed") == "claimed" and job.get("order_id") is not None
            return is_mail and self.step in (NOTIFY, "any")
        return self.step in (job["step"], "any")


class Breaker:
    """Carries out one breakage in this process."""

    def __init__(self, breakage: Breakage | None) -> None:
        self._breakage = breakage
        self._left = breakage.nth if breakage else 0

    def hooks(self) -> Hooks:
        """What to hand to the functions."""
        if self._breakage and self._breakage.harm == "lose_reply":
            _lose_reply(self)

        async def before_call(job: Job) -> None:
            self._signalled(job, "before_call")

        async def after_call(job: Job, _outcome: Outcome) -> None:
            self._signalled(job, "after_call")

        async def after_commit(job: Job) -> None:
            self._signalled(job, "after_commit")

        return Hooks(before_call, after_call, after_commit)

    async def call_carrier(self, job: Job, point: Point) -> None:
        """The carrier does not answer."""
        if self._is_due(job, point, "hang"):
            await asyncio.sleep(3600)

    def loses(self, results: Sequence[Row]) -> bool:
        """Whether the reply to recording these is lost."""
        return any(self._is_due(result, "after_commit", "lose_reply") for result in results)

    def _signalled(self, job: Job, point: Point) -> None:
        if self._is_due(job, point, "kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._is_due(job, point, "stop"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if self._is_due(job, point, "raise"):
            raise TimeoutError("a test breaks this worker")

    def _is_due(self, job: Mapping[str, object], point: Point, harm: Harm) -> bool:
        wanted = self._breakage
        if not wanted or (wanted.point, wanted.harm) != (point, harm) or not wanted.concerns(job):
            return False
        self._left -= 1
        if self._left == 0:
            tell("broken")
        return self._left == 0


def _lose_reply(breaker: Breaker) -> None:
    finish = Queue.finish

    async def finish_unheard(queue: Queue, results: Sequence[Row]) -> list[Row]:
        replies = await finish(queue, results)
        if breaker.loses(results):
            raise DatabaseUnavailable("a test lost the reply")
        return replies

    # In this process only.
    setattr(Queue, "finish", finish_unheard)  # noqa: B010 - no type allows a method to be replaced


def tell(event: str) -> None:
    """Let the test know."""
    line = json.dumps({"pid": os.getpid(), "event": event}) + "\n"
    os.write(EVENTS_FD, line.encode())
