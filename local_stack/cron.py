"""The worker of our pg_cron: runs the rows of cron.job by the clock, in UTC.

A job connects as its own user, so the command has that role's rights and settings and no way to
more. As with pg_cron, the user must be able to log in; here that means the roles of the platform.
A job runs once at a time: when it is due again meanwhile, one more run waits. What was due while
the database or the worker was away is not made up for.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from cronsim import CronSim, CronSimError
from psycopg.rows import class_row

from local_stack import extension_worker
from local_stack.extension_worker import connect
from local_stack.settings import Settings

MAX_RUNNING = 32
_TICK_SECONDS = 0.1
_EXTENSION = "pg_cron"
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_JOBS = "select jobid, schedule, command, database, username from cron.job where active"
_ABANDON = """
  update cron.job_run_details set status = 'failed', return_message = 'server restarted'
  where status in ('starting', 'running')
"""
_BEGIN = """
  insert into cron.job_run_details (jobid, database, username, command, status)
  values (%s, %s, %s, %s, 'starting')
  returning runid
"""
_RUNNING = """
  update cron.job_run_details set status = 'running', job_pid = %s, start_time = %s
  where runid = %s
"""
_END = """
  update cron.job_run_details
  set status = %s, return_message = %s, start_time = coalesce(start_time, %s), end_time = %s
  where runid = %s
"""

Clock = Callable[[], datetime]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    jobid: int
    schedule: str
    command: str
    database: str
    username: str


@dataclass
class _Timer:
    """When a job is due next; never, if its schedule matches no time."""

    schedule: str
    due: datetime | None


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def serve(settings: Settings, clock: Clock = utc_now) -> AbstractAsyncContextManager[None]:
    """Run jobs while the context is open; see `extension_worker.serve`.

    `clock` tells the time (aware, UTC); it is looked at ten times a second.
    """

    async def work(connection: psycopg.AsyncConnection, runs: asyncio.TaskGroup) -> None:
        await _Scheduler(settings, clock, connection, runs).work()

    return extension_worker.serve(settings, _EXTENSION, "cron.job_run_details", work)


class _Scheduler:
    """Starts what is due until the connection breaks, which ends all runs with it."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        connection: psycopg.AsyncConnection,
        runs: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._connection = connection
        self._runs = runs
        self._timers: dict[int, _Timer] = {}
        self._waiting: set[int] = set()
        self._running: set[int] = set()

    async def work(self) -> None:
        await self._connection.execute(_ABANDON)
        while True:
            self._start_due(await self._jobs())
            await asyncio.sleep(_TICK_SECONDS)

    async def _jobs(self) -> dict[int, _Job]:
        async with self._connection.cursor(row_factory=class_row(_Job)) as cursor:
            await cursor.execute(_JOBS)
            return {job.jobid: job async for job in cursor}

    def _start_due(self, jobs: dict[int, _Job]) -> None:
        now = self._clock()
        timers = {job.jobid: self._timer(job, now) for job in jobs.values()}
        self._timers = timers
        self._waiting &= jobs.keys()
        for jobid, timer in timers.items():
            if timer.due and timer.due <= now:
                self._waiting.add(jobid)
                timer.due = _next_due(timer, now)
        for jobid in sorted(self._waiting - self._running)[: MAX_RUNNING - len(self._running)]:
            self._waiting.remove(jobid)
            self._running.add(jobid)
            self._runs.create_task(self._run(jobs[jobid]))

    def _timer(self, job: _Job, now: datetime) -> _Timer:
        timer = self._timers.get(job.jobid)
        if timer is None or timer.schedule != job.schedule:
            timer = _Timer(job.schedule, now)
            timer.due = _next_due(timer, now)
        return timer

    async def _run(self, job: _Job) -> None:
        start = self._clock()
        details = (job.jobid, job.database, job.username, job.command)
        cursor = await self._connection.execute(_BEGIN, details)
        [(runid,)] = await cursor.fetchall()
        try:
            status, message = "succeeded", await self._execute(job, runid)
        except psycopg.Error as error:
            status, message = "failed", f"{error.diag.severity or 'ERROR'}:  {error}"
        await self._connection.execute(_END, (status, message, start, self._clock(), runid))
        self._running.remove(job.jobid)

    async def _execute(self, job: _Job, runid: int) -> str:
        """What the command's last statement says: its tag, or how many rows it returned."""
        async with await connect(
            self._settings, _EXTENSION, job.username, job.database
        ) as connection:
            pid = connection.info.backend_pid
            await self._connection.execute(_RUNNING, (pid, self._clock(), runid))
            cursor = await connection.execute(job.command.encode())
            while cursor.nextset():
                pass
            if cursor.description is None:
                return cursor.statusmessage or ""
            return f"{cursor.rowcount} row{'' if cursor.rowcount == 1 else 's'}"


def _next_due(timer: _Timer, now: datetime) -> datetime | None:
    """The first time after `now`; intervals keep their beat unless they have fallen behind."""
    if match := re.fullmatch(r"(\d+) seconds?", timer.schedule, re.IGNORECASE):
        interval = timedelta(seconds=int(match[1]))
        beat = (timer.due or now) + interval
        return beat if beat > now else now + interval
    # In pg_cron `$` is the last day of the month; cronsim calls it L.
    fields = _MACROS.get(timer.schedule.lower(), timer.schedule).replace("$", "L")
    try:
        return next(CronSim(fields, now))
    except (CronSimError, StopIteration) as error:
        _log.warning("pg_cron never runs the schedule %r: %s", timer.schedule, error)
        return None
