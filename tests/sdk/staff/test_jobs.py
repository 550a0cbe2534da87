"""Jobs: run by hand, how they are, and their runs."""

from uuid import UUID, uuid4

import pytest

from orderbase import InvalidRequest, NotFound
from orderbase.staff import AsyncStaff, JobRun
from tests.sdk.staff.conftest import Owner
from tests.waiting import until


async def ended(staff: AsyncStaff, run_id: UUID) -> JobRun:
    async def over() -> JobRun | None:
        run = await staff.jobs.get_run(run_id)
        return run if run.finished_at else None

    return await until(over, 60)


async def test_a_job_is_run_by_hand(staff: AsyncStaff, owner: Owner) -> None:
    queued = await staff.jobs.run("hourly")
    assert (queued.job, queued.attempts, queued.summary) == ("hourly", 0, {})
    run = await ended(staff, queued.id)
    [row] = owner.execute("select * from public.job_runs where id = %s", (run.id,)).fetchall()
    assert run.model_dump() == {name: row[name] for name in JobRun.model_fields}
    assert run.status == "succeeded"
    assert run.summary["aggregate_hours"]["status"] == "succeeded"
    assert run in await staff.jobs.runs("hourly")


async def test_each_job_says_how_it_is(staff: AsyncStaff) -> None:
    await ended(staff, (await staff.jobs.run("hourly")).id)
    health = {job.job: job for job in await staff.jobs.health()}
    assert health.keys() == {"hourly", "daily"}
    hourly = health["hourly"]
    assert (hourly.schedule, hourly.missed) == ("5 * * * *", False)
    assert hourly.last_done is not None
    assert hourly.age_seconds >= 0


async def test_pages_lead_to_each_run_once(staff: AsyncStaff) -> None:
    ids = [(await staff.jobs.run("hourly")).id for _ in range(3)][::-1]
    first = await staff.jobs.runs("hourly", limit=2)
    second = await staff.jobs.runs("hourly", limit=2, after=first.next)
    told = [run.id for run in first + second]
    assert [id_ for id_ in told if id_ in ids] == ids  # the clock may start one meanwhile
    everything = [run.id async for run in staff.jobs.each_run()]
    assert set(ids) <= {*everything}
    assert len({*everything}) == len(everything)


async def test_a_run_that_is_refused_is_none(staff: AsyncStaff) -> None:
    for attempt in (staff.jobs.run("weekly"), staff.jobs.runs("weekly")):
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "job_not_found"
    with pytest.raises(NotFound) as missing:
        await staff.jobs.get_run(uuid4())
    assert missing.value.code == "job_run_not_found"
    with pytest.raises(InvalidRequest):
        await staff.jobs.runs(limit=0)
