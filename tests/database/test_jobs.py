"""Runs of jobs: missed, doubled, overlapping, interrupted; the end is the same."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.clock import Clock, alarms_of, clock_of
from tests.database.conftest import Caller, RefusedError
from tests.database.line import Line, connected

pytestmark = pytest.mark.usefixtures("same_hour")
DONE = "return '{\"done\": 1}';"
FAILS = "raise exception 'the cat is asleep';"


@pytest.fixture
def clock(line: Line) -> Iterator[Clock]:
    with clock_of(line) as clock:
        yield clock


# Ticks.


def test_a_tick_that_comes_twice_is_one_run(clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    assert clock.start()["id"]
    assert clock.start()["id"] is None
    assert len(clock.claim()) == 1
    assert clock.start()["id"] is None


def test_ticks_at_the_same_moment_are_one_run(clock: Clock, database: Settings) -> None:
    with psycopg.connect(database.database_url()) as another:
        another.execute("select private.start_job('chores')")
        with psycopg.connect(database.database_url()) as third:
            third.execute("set lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                third.execute("select private.start_job('chores')")
    assert clock.start()["id"] is None
    assert len(clock.runs()) == 1


def test_a_run_is_for_the_period_in_which_its_tick_lies(line: Line) -> None:
    for job, tick, expected in (
        ("daily", "2026-03-01 02:00:07Z", "2026-03-01 02:00:00Z"),
        ("daily", "2026-03-02 01:59:59Z", "2026-03-01 02:00:00Z"),
        ("hourly", "2026-03-01 02:05:00Z", "2026-03-01 02:00:00Z"),
    ):
        line.rows("delete from public.job_runs")
        line.rows("select private.start_job(%s, %s)", job, tick)
        run = line.one(
            "select scheduled_for = %s::timestamptz as fits from public.job_runs", expected
        )
        assert run["fits"], (job, tick)


def test_a_tick_of_the_future_is_one_of_now(clock: Clock) -> None:
    clock.start("2999-01-01")
    clock.start()
    assert clock.run()["scheduled_for"].year < 2999


def test_every_clock_may_start_it(line: Line, clock: Clock) -> None:
    [first] = line.call("start_job", "chores")
    [second] = line.call("start_job", "chores")
    assert (first["started"], second) == (True, {"run_id": None, "started": False})
    with pytest.raises(psycopg.Error, match="no such job"):
        line.call("start_job", "nonsense")


def test_the_clock_follows_the_table(line: Line, clock: Clock) -> None:
    line.rows("update private.jobs set schedule = '7 7 * * *' where name = 'chores'")
    job = line.one("select * from cron.job where jobname = 'orderbase-chores'")
    assert job["schedule"] == "7 7 * * *"
    line.rows(job["command"])
    assert len(clock.runs()) == 1


# Runs that come late, or at the same time.


def test_after_three_missed_runs_the_next_does_everything_once(line: Line, clock: Clock) -> None:
    line.rows("create table private.dirt (fell timestamptz)")
    try:
        clock.task(
            "sweep_floor",
            "delete from private.dirt where fell < clock_timestamp();"
            " return jsonb_build_object('swept', 1);",
        )
        for hours in (3, 2, 1):
            line.rows("insert into private.dirt values (now() - %s * interval '1 hour')", hours)
        clock.start()
        assert clock.work() == [{"sweep_floor": "succeeded"}]
        assert line.rows("select 1 from private.dirt") == []
    finally:
        line.rows("drop table private.dirt")


def test_runs_that_nobody_was_there_for_are_replaced_by_the_latest(
    line: Line, clock: Clock
) -> None:
    clock.task("sweep_floor", DONE)
    for hours in (3, 2, 1, 0):
        line.rows("select private.start_job('chores', now() - %s * interval '1 hour')", hours)
    assert len(clock.work()) == 1
    assert [run["status"] for run in clock.runs()] == ["skipped"] * 3 + ["succeeded"]
    clock.come_due()
    assert clock.claim() == []
    assert line.messages("schedules") == []


def test_two_runs_of_a_job_never_overlap(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.start(clock_ago(line, hours=1))
    [first] = clock.claim()
    clock.start()
    assert clock.claim() == []
    clock.come_due(first["message_id"])
    assert clock.claim() == [], "it comes again, and the first is still at work"
    assert clock.do_all(first) == {"sweep_floor": "succeeded"}
    clock.finish(first, "succeeded")
    clock.come_due()
    assert len(clock.work()) == 1
    assert [run["status"] for run in clock.runs()] == ["succeeded", "succeeded"]
    second = line.one("select attempts from public.job_runs order by scheduled_for desc limit 1")
    assert second["attempts"] == 1, "to wait costs no attempt"


def clock_ago(line: Line, **delta: float) -> str:
    row = line.one("select (now() - %s)::text as at", timedelta(**delta))
    return str(row["at"])


def test_different_jobs_run_side_by_side(line: Line, clock: Clock) -> None:
    clock.start()
    line.rows("select private.start_job('hourly')")
    assert {job["job"] for job in clock.claim()} == {"chores", "hourly"}


def test_a_task_is_never_done_by_two_at_once(line: Line, clock: Clock, database: Settings) -> None:
    """Its worker was given up, but what it began in the database goes on."""
    clock.task("sweep_floor", DONE)
    clock.start()
    [job] = clock.claim()
    with psycopg.connect(database.database_url()) as slow:
        slow.execute("select pg_advisory_xact_lock(hashtextextended('job chores', 0))")
        assert clock.do(job, "sweep_floor") == "busy"
    assert clock.do(job, "sweep_floor") == "succeeded"


def test_a_worker_whose_run_was_taken_over_does_no_more(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.start()
    [late] = clock.claim()
    clock.come_due()
    [job] = clock.claim()
    assert clock.do(late, "sweep_floor") == "lost"
    assert clock.run()["summary"] == {}
    assert clock.finish(late, "succeeded") == "lost"
    assert clock.do(job, "sweep_floor") == "succeeded"
    assert clock.finish(job, "succeeded") == "finished"


def test_a_task_whose_answer_was_lost_is_not_done_again(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.start()
    [job] = clock.claim()
    for _ in range(2):
        assert clock.do(job, "sweep_floor") == "succeeded"
    assert clock.run()["summary"]["sweep_floor"]["done"] == 1
    clock.finish(
        job, "incomplete", errors={"sweep_floor": {"status": "failed", "error": "timeout"}}
    )
    assert clock.run()["status"] == "succeeded"


def test_a_run_whose_worker_died_is_taken_over_and_goes_on(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.task("water_plants", DONE)
    clock.start()
    [dead] = clock.claim()
    clock.do(dead, "sweep_floor")
    clock.come_due()
    [job] = clock.claim()
    assert job["tasks"] == ["water_plants"]
    clock.do_all(job)
    clock.finish(job, "succeeded")
    assert clock.run()["status"] == "succeeded"


def test_another_run_waits_no_longer_than_the_lease_of_one_that_died(
    line: Line, clock: Clock
) -> None:
    clock.start(clock_ago(line, hours=1))
    clock.claim()
    line.rows("select pgmq.purge_queue('schedules')")
    clock.start()
    assert clock.claim() == []
    clock.come_due()
    line.rows("update private.jobs set held_until = clock_timestamp() where name = 'chores'")
    assert len(clock.claim()) == 1


def test_holding_on_keeps_a_run(line: Line, clock: Clock) -> None:
    clock.start(clock_ago(line, hours=1))
    [job] = clock.claim()
    line.rows("update private.jobs set held_until = clock_timestamp() where name = 'chores'")
    [reply] = line.call("renew_schedules", [job])
    assert reply["status"] == "renewed"
    clock.start()
    assert clock.claim() == []


# Tasks.


def test_a_task_that_fails_stops_no_other_and_leaves_nothing(line: Line, clock: Clock) -> None:
    line.rows("create table private.dirt (n integer)")
    try:
        clock.task("sweep_floor", f"insert into private.dirt values (1); {FAILS}")
        clock.task("water_plants", DONE)
        clock.start()
        assert clock.work() == [{"sweep_floor": "failed", "water_plants": "succeeded"}]
        assert line.rows("select 1 from private.dirt") == []
    finally:
        line.rows("drop table private.dirt")
    run = clock.run()
    assert (run["status"], run["attempts"]) == ("partial", 1)
    assert run["started_at"] <= run["finished_at"]
    failed, done = run["summary"]["sweep_floor"], run["summary"]["water_plants"]
    assert (failed["status"], failed["error"]) == ("failed", "the cat is asleep")
    assert failed["code"] == "P0001"
    assert (done["status"], done["done"]) == ("succeeded", 1)
    assert done["milliseconds"] >= 0


def test_a_task_that_takes_too_long_fails_and_stops_no_other(
    line: Line, clock: Clock, database: Settings
) -> None:
    clock.task("sweep_floor", "perform pg_catalog.pg_sleep(60); return '{}';")
    clock.task("water_plants", DONE)
    clock.start()
    [job] = clock.claim()
    with connected(database.database_url(), "service_role", {"role": "service_role"}) as limited:
        limited.execute("set statement_timeout = '2s'")
        hurried = Clock(Line(line.owner, limited, line.shopper, line.staff, line.new_product))
        assert hurried.do(job, "sweep_floor") == "failed"
    assert clock.run()["summary"]["sweep_floor"]["code"] == "57014"
    assert clock.do(job, "water_plants") == "succeeded"


def test_a_retry_does_only_what_failed(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", FAILS)
    clock.task("water_plants", DONE)
    clock.start()
    clock.work()
    [message] = line.messages("schedules")
    assert 50 < message["due"] <= 60
    clock.task("sweep_floor", DONE)
    clock.come_due()
    assert clock.work() == [{"sweep_floor": "succeeded"}]
    run = clock.run()
    assert (run["status"], run["attempts"]) == ("succeeded", 2)
    assert "error" not in run["summary"]["sweep_floor"]
    assert line.messages("schedules") == []


def test_what_fails_for_good_is_an_alarm_until_a_run_succeeds(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", FAILS)
    clock.start(clock_ago(line, hours=1))
    for attempt in (1, 2, 3):
        assert alarms_of(line, "job_failed") == []
        clock.come_due()
        clock.work()
        assert clock.run()["attempts"] == attempt
    assert clock.run()["status"] == "failed"
    assert line.messages("schedules") == []
    [alarm] = line.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("job_failed", "chores")
    assert alarm["detail"]["tasks"] == {"sweep_floor": "the cat is asleep"}
    clock.task("sweep_floor", DONE)
    clock.start()
    clock.work()
    assert line.alarms() == []


def test_a_task_works_in_batches_and_its_numbers_add_up(line: Line, clock: Clock) -> None:
    line.rows("create table private.dirt (n integer)")
    line.rows("insert into private.dirt select generate_series(1, 7)")
    try:
        clock.task(
            "sweep_floor",
            "delete from private.dirt where n in (select n from private.dirt order by n limit 3);"
            " return jsonb_build_object('swept', 3, 'more', exists (select from private.dirt));",
        )
        clock.start()
        [job] = clock.claim()
        statuses = [clock.do(job, "sweep_floor") for _ in range(3)]
        assert statuses == ["running", "running", "succeeded"]
    finally:
        line.rows("drop table private.dirt")
    swept = clock.run()["summary"]["sweep_floor"]
    assert (swept["swept"], "more" in swept) == (9, False)


def test_an_error_that_only_the_function_knows_of_is_written_down(clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.start()
    [job] = clock.claim()
    clock.finish(
        job, "incomplete", errors={"sweep_floor": {"status": "failed", "error": "no answer"}}
    )
    run = clock.run()
    assert (run["status"], run["summary"]["sweep_floor"]["error"]) == ("failed", "no answer")


def test_only_tasks_of_the_job_are_run(line: Line, clock: Clock) -> None:
    clock.task("sweep_floor", DONE)
    clock.start()
    [job] = clock.claim()
    for stranger in ("nonsense", "forget_guests", "sweep_floor(); drop table x; --"):
        with pytest.raises(psycopg.Error, match="no such task"):
            clock.do(job, stranger)


def test_a_message_that_names_no_run_is_put_aside(line: Line, clock: Clock) -> None:
    for run_id in ("nonsense", str(uuid.uuid4())):
        line.rows("select pgmq.send('schedules', jsonb_build_object('run_id', %s::text))", run_id)
    assert clock.claim() == []
    assert {letter["reason"] for letter in line.letters()} == {"unknown_event"}


# By hand.


def test_the_staff_run_a_job_by_hand_and_nobody_else(
    line: Line, clock: Clock, new_user: Callable[..., Caller], engine: Caller
) -> None:
    clock.task("sweep_floor", DONE)
    clock.start()
    for caller in (new_user(), new_user(email=None)):
        for verb, arguments in (("run_job", {"job": "chores"}), ("job_health", {})):
            with pytest.raises(RefusedError) as refused:
                caller.call(f"public.{verb}", **arguments)
            assert refused.value.code == "staff_only"
        assert caller.query("select 1 from public.job_runs") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.query("select private.start_job('chores')")
    for caller in (line.staff, engine):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.run_job", job="nonsense")
        assert (refused.value.status, refused.value.code) == (404, "job_not_found")
        [run] = caller.call("public.run_job", job="chores")
        assert run["status"] == "queued"
        assert clock.work() == [{"sweep_floor": "succeeded"}]
    seen = line.staff.query("select status from public.job_runs where job = 'chores'")
    assert sorted(row["status"] for row in seen) == ["skipped", "succeeded", "succeeded"]
