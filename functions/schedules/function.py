"""The schedules function: its queue, and the jobs of the clock that come there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Effect, Worker
from functions.schedules.heartbeat import beat
from functions.schedules.run import run
from functions.schedules.settings import SchedulesSettings
from functions.schedules.watch import EVERY_SECONDS, watch

_NAME = "schedules"
_AT_ONCE = 4
_HEARTBEAT_OF = "hourly"


def queue_of(database: Database) -> Queue:
    """The queue of runs that are due."""
    return Queue(database, _NAME, ("starts", "run_id"))


def schedules(
    settings: SchedulesSettings, hooks: Hooks | None = None, *, watches_every: float = EVERY_SECONDS
) -> Function:
    """Runs the jobs that a clock starts, and looks whether it goes, each so many seconds."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        watching = asyncio.create_task(watch(database, watches_every), name="watch")
        try:
            effect = _effect(database, settings)
            yield Running(Worker(queue_of(database), effect, concurrency=_AT_ONCE, hooks=hooks))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    return Function(_NAME, running, feeds=("emails",))


def _effect(database: Database, settings: SchedulesSettings) -> Effect:
    heartbeat = settings.heartbeat_url

    async def perform(job: Job) -> Outcome:
        outcome = await run(database, job)
        if heartbeat and job["job"] == _HEARTBEAT_OF and outcome.status == "succeeded":
            await beat(str(heartbeat))
        return outcome

    return perform
