"""Alarms about the clock: a run that is missed or goes nowhere, a command that only fails."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.database.clock import Clock, alarms_of, clock_of
from tests.database.conftest import Row
from tests.database.line import Line

pytestmark = pytest.mark.usefixtures("same_hour")


@pytest.fixture
def clock(line: Line) -> Iterator[Clock]:
    with clock_of(line) as clock:
        yield clock


def check(line: Line) -> list[str]:
    """Jobs that are missed, after a look."""
    line.rows("select private.check_jobs()")
    return [subject for subject in alarms_of(line, "job_missed") if subject == "chores"]


def nobody_works(line: Line) -> None:
    """For five minutes."""
    line.rows("update public.job_runs set created_at = created_at - interval '5 minutes'")


def done_ago(line: Line, status: str = "succeeded", **delta: float) -> None:
    line.rows(
        "insert into public.job_runs (job, scheduled_for, status)"
        " values ('chores', clock_timestamp() - %s, %s)",
        timedelta(**delta),
        status,
    )


def test_a_missed_run_is_an_alarm_until_the_job_runs_again(line: Line, clock: Clock) -> None:
    line.rows("update private.jobs set since = now() - interval '1 week' where name = 'chores'")
    done_ago(line, minutes=69)
    assert check(line) == []
    line.rows("delete from public.job_runs")
    done_ago(line, minutes=71)
    assert check(line) == check(line) == [], "it is started, and has a moment"
    nobody_works(line)
    assert check(line) == check(line) == ["chores"]
    [alarm] = [alarm for alarm in line.alarms() if alarm["subject"] == "chores"]
    assert alarm["detail"]["last_done"]
    clock.work()
    assert alarms_of(line, "job_missed") == []


def test_after_a_downtime_the_latest_run_is_made_and_no_other(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", "return '{}';")
    line.rows("update private.jobs set since = now() - interval '1 week' where name = 'chores'")
    done_ago(line, days=3)
    for _ in range(3):
        check(line)
    assert clock.work() == [{"sweep_floor": "succeeded"}]
    assert [run["status"] for run in clock.runs()] == ["succeeded", "succeeded"]
    assert check(line) == []
    assert clock.claim() == []


@pytest.mark.parametrize(
    ("status", "missed"),
    [("succeeded", False), ("partial", False), ("failed", True), ("skipped", True)],
)
def test_what_was_done_at_least_in_part_is_not_missed(
    line: Line, clock: Clock, status: str, missed: bool
) -> None:
    line.rows("update private.jobs set since = now() - interval '1 week' where name = 'chores'")
    done_ago(line, status, minutes=1)
    [told] = [row for row in line.call("check_jobs") if row["job"] == "chores"]
    assert told["missed"] == missed


def test_a_new_job_is_missed_only_after_its_first_period(line: Line, clock: Clock) -> None:
    assert check(line) == []
    assert clock.runs() == []
    line.rows("update private.jobs set since = now() - interval '71 minutes' where name = 'chores'")
    check(line)
    assert len(clock.runs()) == 1


def test_a_run_whose_message_is_gone_is_failed_and_an_alarm(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", "return '{}';")
    clock.start()
    line.messages("schedules")
    line.rows("update public.job_runs set created_at = now() - interval '6 minutes'")
    line.rows("select private.check_jobs()")
    assert clock.run()["status"] == "queued"
    line.rows("select pgmq.purge_queue('schedules')")
    line.rows("select private.check_jobs()")
    assert clock.run()["status"] == "failed"
    assert alarms_of(line, "job_failed") == ["chores"]


def test_a_command_of_the_clock_that_only_fails_is_an_alarm(
    line: Line, superuser: psycopg.Connection[Row]
) -> None:
    [job] = line.rows("select jobid from cron.job where jobname = 'orderbase-sweep'")

    def happens(status: str) -> list[str]:
        superuser.execute(
            "insert into cron.job_run_details (jobid, username, status, return_message, start_time)"
            " values (%s, 'postgres', %s, 'ERROR: no', clock_timestamp())",
            (job["jobid"], status),
        )
        line.rows("select private.check_jobs()")
        return alarms_of(line, "job_failed")

    line.rows("delete from cron.job_run_details")
    seen = [happens(status) for status in ("failed", "failed", "failed", "succeeded", "failed")]
    assert seen == [[], [], ["orderbase-sweep"], [], []]
    line.rows("delete from cron.job_run_details")


def test_health_is_told_to_the_staff_and_to_the_functions(line: Line, clock: Clock) -> None:
    done_ago(line, minutes=30)
    [told] = [row for row in line.staff.call("public.job_health") if row["job"] == "chores"]
    assert (told["missed"], told["age_seconds"] // 60) == (False, 30)
    engine = {row["job"]: row for row in line.call("check_jobs")}
    assert set(engine) == {"daily", "hourly", "chores"}
    assert engine["chores"]["schedule"] == "0 0 1 1 *"
