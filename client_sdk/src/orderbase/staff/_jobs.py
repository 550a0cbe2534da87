"""Jobs of the clock: whether they run, and running them by hand."""

from datetime import datetime
from operator import attrgetter
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, one, rpc, select
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._filters import compared
from orderbase._ids import as_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import Page
from orderbase.errors import NotFound
from orderbase.models.base import DEFERRED, Model, Told
from orderbase.staff._columns import columns_of
from orderbase.staff._resource import StaffResource

JobRunStatus: TypeAlias = Literal["queued", "running", "succeeded", "partial", "failed", "skipped"]


class JobHealth(Model, frozen=True):
    """How a job is. `schedule` is when it is started, in cron's notation, in UTC.

    `last_done` is when the latest run was scheduled that is done, `age_seconds` how long that is
    ago. `missed`: the next one should be done by now.
    """

    job: str
    schedule: str
    last_done: datetime | None
    age_seconds: int
    missed: bool


class JobRun(Model, frozen=True):
    """A run of a job.

    `status`: "partial", some tasks failed, which are tried again; "skipped", a later run does
    what this one did not. `attempts` is how often it came to an end. `summary` has by task its
    `status`, what it did, `milliseconds`, and of a failure `error` and `code`.
    """

    id: UUID
    job: str
    scheduled_for: datetime
    status: Told[JobRunStatus]
    attempts: int
    summary: dict[str, dict[str, JsonValue]]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


_HEALTH = TypeAdapter(list[JobHealth], config=DEFERRED)
_RUNS = TypeAdapter(list[JobRun], config=DEFERRED)
_COLUMNS = columns_of(JobRun)
_LATEST: Listing[JobRun] = Listing(
    "job_runs",
    (Key("scheduled_for", descending=True), Key("id")),
    attrgetter("scheduled_for", "id"),
)


def _list_runs(job: str | None, limit: int, after: str | None) -> Call[Page[JobRun]]:
    conditions = [] if job is None else [compared("job", "eq", job)]
    return _LATEST.call(("job_runs", _COLUMNS), _RUNS, conditions, limit, after)


def _get_run(run_id: UUID | str) -> Call[JobRun]:
    parse = one(_RUNS, "job_run_not_found", "There is no such run.")
    return select("job_runs", parse, _COLUMNS, {"id": f"eq.{as_uuid(run_id, 'run_id')}"})


class AsyncJobs(StaffResource):
    """What the clock runs, such as the jobs "hourly" and "daily"."""

    async def run(self, job: str) -> JobRun:
        """Run a job now: all that is due. `get_run` says how far it is.

        It is sent once: when the answer is lost, `runs` says whether it was begun.

        Raises:
            NotFound: there is no such job.
        """
        call = rpc("run_job", JobRun.model_validate_json, {"job": job}, repeatable=False)
        return await self._call(call)

    async def health(self) -> list[JobHealth]:
        """Whether each job runs as it should."""
        return await self._call(rpc("job_health", _HEALTH.validate_json, {}))

    async def runs(
        self, job: str | None = None, *, limit: int = 100, after: str | None = None
    ) -> Page[JobRun]:
        """Runs, the latest first.

        Args:
            job: only of this one.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            NotFound: there is no such job.
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        page = await self._call(_list_runs(job, limit, after))
        if not page and job is not None and job not in {known.job for known in await self.health()}:
            raise NotFound("There is no such job.", status=404, code="job_not_found")
        return page

    def each_run(self, job: str | None = None) -> AsyncEach[JobRun]:
        """All runs, to iterate over: read page by page. See `runs`."""
        return AsyncEach(lambda after: self.runs(job, limit=EACH_TIME, after=after))

    async def get_run(self, run_id: UUID | str) -> JobRun:
        """One run.

        Raises:
            NotFound: there is no such run.
        """
        return await self._call(_get_run(run_id))


class Jobs(Blocking[AsyncJobs]):
    """See AsyncJobs: the same, and each method waits."""

    run = blocking(AsyncJobs.run)
    health = blocking(AsyncJobs.health)
    runs = blocking(AsyncJobs.runs)
    each_run = iterating(AsyncJobs.each_run)
    get_run = blocking(AsyncJobs.get_run)
