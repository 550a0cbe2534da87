"""The pg_cron worker, against the real database and a clock that the tests move."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from local_stack import cron
from local_stack.settings import Settings

DEADLINE_SECONDS = 30
NOON = datetime(2026, 2, 27, 12, 0, 30, tzinfo=UTC)


class Clock:
    """Stands still until it is moved; knows how often it was looked at."""

    def __init__(self) -> None:
        self.now = NOON
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return self.now

    async def seen(self) -> None:
        """Returns after a whole tick of the scheduler at this time."""
        until = self.looks + 3
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.looks < until:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    async def move(self, **delta: float) -> None:
        await self.seen()
        self.now += timedelta(**delta)
        await self.seen()


class Database:
    """Schedules jobs and reads their runs as the role `postgres`."""

    def __init__(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self.connection = connection

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return await (await self.connection.execute(query.encode(), values)).fetchall()

    async def value(self, query: str, *values: object) -> Any:  # noqa: ANN401 - any SQL value
        return next(iter((await self.rows(query, *values))[0].values()))

    async def schedule(self, schedule: str, command: str = "select 1", name: str = "job") -> int:
        return int(await self.value("select cron.schedule(%s, %s, %s)", name, schedule, command))

    async def runs(self, count: int, status: str = "succeeded") -> list[dict[str, Any]]:
        """All runs, as soon as there are so many in this state."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                runs = await self.rows("select * from cron.job_run_details order by runid")
                if sum(run["status"] == status for run in runs) >= count:
                    return runs
                await asyncio.sleep(0.01)


@pytest.fixture
async def database(bare_settings: Settings) -> AsyncIterator[Database]:
    connection = await psycopg.AsyncConnection.connect(
        bare_settings.database_url(), autocommit=True, row_factory=dict_row
    )
    async with connection:
        await connection.execute("create extension if not exists pg_cron")
        yield Database(connection)
        await connection.execute("drop extension if exists pg_cron")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(cron, "_TICK_SECONDS", 0.01)
    return Clock()


async def test_a_job_runs_when_its_minute_comes(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    async with cron.serve(bare_settings, clock):
        jobid = await database.schedule("*/5 * * * *", "select generate_series(1, 3)")
        await clock.move(minutes=4)
        assert await database.runs(0) == []
        await clock.move(seconds=30)
        [run] = await database.runs(1)

    assert (run["jobid"], run["database"], run["username"]) == (jobid, "postgres", "postgres")
    assert (run["command"], run["status"]) == ("select generate_series(1, 3)", "succeeded")
    assert run["return_message"] == "3 rows"
    assert run["start_time"] == run["end_time"] == datetime(2026, 2, 27, 12, 5, tzinfo=UTC)
    assert run["job_pid"] > 0


async def test_missed_runs_are_not_made_up_for(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.schedule("* * * * *")
    async with cron.serve(bare_settings, clock):
        await clock.move(hours=2)
        await database.runs(1)
        await clock.seen()
        assert len(await database.runs(1)) == 1
    clock.now += timedelta(days=1)
    async with cron.serve(bare_settings, clock):
        await clock.seen()
        assert len(await database.runs(1)) == 1


async def test_intervals_count_from_when_the_job_is_first_seen(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    async with cron.serve(bare_settings, clock):
        await database.schedule("10 seconds")
        await clock.move(seconds=9)
        assert await database.runs(0) == []
        for count, seconds in [(1, 1), (2, 12), (3, 8), (4, 60)]:
            await clock.move(seconds=seconds)
            assert len(await database.runs(count)) == count


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 12 $ * *", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("0 12 $ 3 *", datetime(2026, 3, 31, 12, tzinfo=UTC)),
        ("0 3 * * sun", datetime(2026, 3, 1, 3, tzinfo=UTC)),
        ("0 3 * * 7", datetime(2026, 3, 1, 3, tzinfo=UTC)),
        ("15,45 8-10/2 1 mar-may *", datetime(2026, 3, 1, 8, 15, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 13 * 6", datetime(2026, 2, 28, tzinfo=UTC)),
        ("@hourly", datetime(2026, 2, 27, 13, tzinfo=UTC)),
        ("@daily", datetime(2026, 2, 28, tzinfo=UTC)),
        ("@weekly", datetime(2026, 3, 1, tzinfo=UTC)),
        ("@monthly", datetime(2026, 3, 1, tzinfo=UTC)),
        ("@yearly", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
async def test_schedules_mean_what_they_mean_in_pg_cron(
    bare_settings: Settings, database: Database, clock: Clock, schedule: str, due: datetime
) -> None:
    await database.schedule(schedule)
    async with cron.serve(bare_settings, clock):
        await clock.seen()
        clock.now = due - timedelta(seconds=1)
        await clock.seen()
        assert await database.runs(0) == []
        await clock.move(seconds=1)
        assert len(await database.runs(1)) == 1


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5/10 * * * *",
        "*/0 * * * *",
        "9-3 * * * *",
        "* * $/2 * *",
        "* * L * *",
        "* * * foo *",
        "* * * mon *",
        "1, * * * *",
        "0 seconds",
        "60 seconds",
        "-1 seconds",
        "@reboot",
        "@sometimes",
    ],
)
async def test_an_invalid_schedule_is_refused(database: Database, schedule: str) -> None:
    jobid = await database.schedule("* * * * *")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="invalid schedule"):
        await database.schedule(schedule)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="invalid schedule"):
        await database.value("select cron.alter_job(%s, schedule => %s)", jobid, schedule)
    assert await database.value("select schedule from cron.job") == "* * * * *"


async def test_a_date_that_never_comes_stops_nothing(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.schedule("0 0 30 2 *", name="never")
    await database.schedule("0 0 31 feb mon", name="mondays")
    await database.schedule("* * * * *", name="always")
    async with cron.serve(bare_settings, clock):
        await clock.move(minutes=1)
        assert len(await database.runs(1)) == 1


async def test_changes_take_effect_at_once(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    async with cron.serve(bare_settings, clock):
        jobid = await database.schedule("0 * * * *", "select 'old'")
        await clock.seen()
        await database.schedule("* * * * *", "vacuum pg_catalog.pg_namespace")
        await clock.move(minutes=1)
        assert [run["return_message"] for run in await database.runs(1)] == ["VACUUM"]

        await database.value("select cron.alter_job(%s, active => false)", jobid)
        await clock.move(minutes=1)
        assert len(await database.runs(1)) == 1

        await database.value("select cron.alter_job(%s, active => true)", jobid)
        await clock.move(minutes=1)
        assert len(await database.runs(2)) == 2

        await database.value("select cron.unschedule('job')")
        await clock.move(minutes=1)
        assert len(await database.runs(2)) == 2


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("select 1/0", "ERROR:  division by zero"),
        ("nonsense", 'ERROR:  syntax error at or near "nonsense"'),
        ("copy (select 1) to stdout", "ERROR:  COPY cannot be used"),
        ("select pg_terminate_backend(pg_backend_pid())", "FATAL:  terminating connection"),
        ("reset session authorization; create role evil superuser", "ERROR:  permission denied"),
        ("set role supabase_admin", "ERROR:  permission denied to set role"),
        ("select * from auth.secrets", 'ERROR:  relation "auth.secrets" does not exist'),
    ],
)
async def test_a_failing_command_is_recorded(
    bare_settings: Settings, database: Database, clock: Clock, command: str, message: str
) -> None:
    await database.schedule("* * * * *", command)
    async with cron.serve(bare_settings, clock):
        await clock.move(minutes=1)
        [run] = await database.runs(1, "failed")

    assert run["return_message"].startswith(message)
    assert run["end_time"] == clock.now


async def test_a_command_has_its_users_rights_and_settings(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    command = (
        "create table public.who as select session_user::text || ' ' || current_user"
        " || ' ' || current_setting('search_path') as answer; select 100 % 7"
    )
    await database.schedule("* * * * *", command)
    async with cron.serve(bare_settings, clock):
        await clock.move(minutes=1)
        [run] = await database.runs(1)

    assert run["return_message"] == "1 row"
    answer = await database.value("select answer from public.who")
    await database.connection.execute("drop table public.who")
    assert answer == 'postgres postgres "$user", public, extensions'


async def test_nobody_schedules_jobs_of_another_role(database: Database) -> None:
    job = "insert into cron.job (schedule, command, username) values ('* * * * *', 'select 1', %s)"
    call = "select cron.schedule_in_database('x', '* * * * *', 'select 1', 'postgres', %s)"
    for query in (job, call):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be member of role"):
            await database.connection.execute(query.encode(), ["supabase_admin"])
        with pytest.raises(psycopg.errors.RaiseException, match="can not log in"):
            await database.connection.execute(query.encode(), ["service_role"])
    await database.schedule("* * * * *")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await database.connection.execute("update cron.job set username = 'supabase_admin'")


async def test_a_job_runs_once_at_a_time_and_the_next_run_waits(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.connection.execute("select pg_advisory_lock(4711)")
    await database.schedule("* * * * *", "select pg_advisory_xact_lock(4711)", name="slow")
    await database.schedule("* * * * *", name="quick")
    async with cron.serve(bare_settings, clock):
        for minute in (1, 2, 3):
            await clock.move(minutes=1)
            await database.runs(minute)
            runs = await database.runs(1, "running")
            assert [run["status"] for run in runs].count("running") == 1
        await database.connection.execute("select pg_advisory_unlock(4711)")
        runs = await database.runs(5)
        await clock.seen()

    assert len(runs) == len(await database.runs(5)) == 5


async def test_an_unscheduled_job_does_not_run_again(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.connection.execute("select pg_advisory_lock(4711)")
    await database.schedule("* * * * *", "select pg_advisory_xact_lock(4711)")
    async with cron.serve(bare_settings, clock):
        for _ in range(2):
            await clock.move(minutes=1)
            await database.runs(1, "running")
        await database.value("select cron.unschedule('job')")
        await clock.seen()
        await database.connection.execute("select pg_advisory_unlock(4711)")
        await database.runs(1)
        await clock.seen()

    assert len(await database.runs(1)) == 1


async def test_it_waits_until_a_migration_creates_the_extension(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.connection.execute("drop extension pg_cron")
    async with cron.serve(bare_settings, clock):
        for _ in range(2):
            await database.connection.execute("create extension pg_cron")
            await database.schedule("30 seconds")
            await clock.move(seconds=30)
            await database.runs(1)
            await database.connection.execute("drop extension pg_cron")


async def test_it_survives_the_loss_of_its_connection(
    bare_settings: Settings, database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'supabase_admin'"
    await database.schedule("* * * * *", "select pg_sleep(60)")
    async with cron.serve(bare_settings, clock):
        await clock.move(minutes=1)
        await database.runs(1, "running")
        with psycopg.connect(bare_settings.database_url("supabase_admin")) as admin:
            admin.execute(f"{kill} and application_name = 'pg_cron'".encode())
        [run] = await database.runs(1, "failed")
        assert run["return_message"] == "server restarted"
        await database.schedule("* * * * *", "select 1")
        await clock.move(minutes=1)
        await database.runs(1)

    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["pg_cron lost the database" in record.getMessage() for record in records] == [True]


async def test_stopping_ends_a_running_command(
    bare_settings: Settings, database: Database, clock: Clock
) -> None:
    await database.schedule("* * * * *", "select pg_sleep(60)")
    async with cron.serve(bare_settings, clock):
        await clock.move(minutes=1)
        await database.runs(1, "running")

    sleeping = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'"
    assert await database.value(f"{sleeping} and state = 'active'") == 0


async def test_a_bug_in_the_worker_does_not_end_silently(
    bare_settings: Settings, database: Database
) -> None:
    def broken_clock() -> datetime:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as failure:
        async with cron.serve(bare_settings, broken_clock):
            await asyncio.sleep(DEADLINE_SECONDS)

    assert failure.value.subgroup(ZeroDivisionError)
