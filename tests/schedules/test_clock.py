"""The whole way: the clock ticks, the function wakes, the tasks are done, the run tells of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.conftest import Stack
from tests.end_to_end.conftest import mails_to
from tests.waiting import until

Row = dict[str, Any]
JOB = "chores"
_REMOVE = """
select cron.unschedule('orderbase-chores');
delete from private.tasks where job = 'chores';
delete from public.job_runs where job = 'chores';
delete from private.jobs where name = 'chores';
drop table private.chores_done;
drop function private.chore, private.chore_that_fails, private.chore_that_hangs;
"""


class Shop:
    """A running shop, with a job whose tasks leave a trace."""

    def __init__(self, connection: psycopg.AsyncConnection[Row]) -> None:
        self.connection = connection

    async def rows(self, query: str, *values: object) -> list[Row]:
        cursor = await self.connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description else []

    async def task(self, name: str, body: str) -> None:
        await self.rows(
            f"create or replace function private.{name}() returns jsonb language plpgsql"
            f" set search_path = '' as $task$ begin {body} end $task$"
        )

    async def use(self, *tasks: str) -> None:
        await self.rows("delete from private.tasks where job = %s", JOB)
        for place, name in enumerate(tasks):
            await self.rows("insert into private.tasks values (%s, %s, %s)", JOB, name, place)

    async def start(self) -> None:
        await self.rows("select private.start_job(%s)", JOB)

    async def ended(self, seconds: float = 30) -> Row:
        """The only run that was not skipped, as soon as it has come to an end."""

        async def look() -> Row | None:
            runs = await self.rows(
                "select * from public.job_runs where job = %s and attempts > 0", JOB
            )
            return runs[0] if runs else None

        return await until(look, seconds)

    async def done(self) -> int:
        [row] = await self.rows("select count(*)::integer as many from private.chores_done")
        return int(row["many"])


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    connection = await psycopg.AsyncConnection.connect(
        stack.settings.database_url(), autocommit=True, row_factory=dict_row
    )
    async with connection:
        shop = Shop(connection)
        await shop.rows("create table private.chores_done (at timestamptz not null default now())")
        await shop.rows("alter table private.chores_done enable row level security")
        await shop.task("chore", "insert into private.chores_done default values; return '{}';")
        await shop.task("chore_that_fails", "raise exception 'the cat is asleep';")
        await shop.task("chore_that_hangs", "perform pg_catalog.pg_sleep(60); return '{}';")
        await shop.rows(
            "insert into private.jobs (name, schedule, period, grace)"
            " values ('chores', '0 0 1 1 *', '1 day', '1 hour')"
        )
        yield shop
        await shop.rows(_REMOVE)


async def test_a_clock_that_ticks_each_second_runs_the_job_of_the_day_once(shop: Shop) -> None:
    await shop.use("chore", "chore_that_fails")
    await shop.rows("update private.jobs set schedule = '1 seconds' where name = 'chores'")
    run = await shop.ended()
    assert (run["status"], run["summary"]["chore"]["status"]) == ("partial", "succeeded")

    async def ticked() -> bool:
        ticks = await shop.rows(
            "select 1 from cron.job_run_details join cron.job using (jobid)"
            " where jobname = 'orderbase-chores' and status = 'succeeded'"
        )
        return len(ticks) >= 3

    await until(ticked, 30)
    assert len(await shop.rows("select 1 from public.job_runs where job = %s", JOB)) == 1
    assert await shop.done() == 1


async def test_ticks_of_two_clocks_at_once_are_one_run(shop: Shop, stack: Stack) -> None:
    await shop.use("chore")

    async def tick() -> None:
        url = stack.settings.database_url()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as clock:
            await clock.execute("select private.start_job('chores')")

    await asyncio.gather(*(tick() for _ in range(8)))
    assert (await shop.ended())["status"] == "succeeded"
    assert await shop.done() == 1


async def test_a_task_that_hangs_is_ended_by_its_time_limit_and_the_next_is_done(
    shop: Shop,
) -> None:
    await shop.use("chore_that_hangs", "chore")
    await shop.start()
    run = await shop.ended(60)
    assert run["status"] == "partial"
    hung = run["summary"]["chore_that_hangs"]
    assert hung["code"] == "57014", "query_canceled"
    assert hung["milliseconds"] > 11_000, "by the task's limit, not by the role's of 8 seconds"
    assert await shop.done() == 1


async def test_a_retry_does_only_what_failed(shop: Shop) -> None:
    await shop.use("chore", "chore_that_fails")
    await shop.start()
    await shop.ended()
    await shop.task("chore_that_fails", "return jsonb_build_object('mended', 1);")
    await shop.rows("update pgmq.q_schedules set vt = clock_timestamp()")

    async def mended() -> bool:
        [run] = await shop.rows("select * from public.job_runs where job = %s", JOB)
        return (run["status"], run["attempts"]) == ("succeeded", 2)

    await until(mended, 30)
    assert await shop.done() == 1


async def test_the_hourly_job_of_the_shop_succeeds(shop: Shop) -> None:
    query = "select id from private.queue_run('hourly', clock_timestamp())"
    [run] = await shop.rows(query)

    async def look() -> Row | None:
        [found] = await shop.rows("select * from public.job_runs where id = %s", run["id"])
        return found if found["finished_at"] else None

    ended = await until(look, 60)
    assert ended["status"] == "succeeded", ended["summary"]
    assert set(ended["summary"]) >= {"aggregate_hours", "report_hours"}


async def test_the_staff_get_the_report_of_a_day_by_one_mail(shop: Shop, stack: Stack) -> None:
    staff = f"{uuid.uuid4().hex}@example.com"
    [before] = await shop.rows("select staff_email from private.shop")
    await shop.rows("delete from public.reports where kind = 'daily_sales'")
    await shop.rows("update private.shop set staff_email = %s", staff)
    try:
        await shop.use("report_sales")
        for _ in range(2):
            await shop.start()
            await shop.ended()
            await shop.rows("delete from public.job_runs where job = %s", JOB)

        async def look() -> list[Row]:
            mails = await mails_to(stack.settings, staff)
            return [mail for mail in mails if "sales of" in mail["Subject"]]

        assert len(await until(look)) == 1
    finally:
        await shop.rows("update private.shop set staff_email = %s", before["staff_email"])
