"""The clock's jobs, as operators see and run them."""

import time
import uuid

import psycopg

from tests.admin.conftest import Admin, Row


def wait_for(admin: Admin, run: str) -> Row:
    """Until the run has come to an end."""
    deadline = time.monotonic() + 60
    while True:
        shown: Row = admin.json("jobs", "show", run)
        if shown["status"] not in ("queued", "running"):
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)


def test_a_job_is_run_by_hand_and_shown(admin: Admin) -> None:
    started = admin.json("jobs", "run", "daily")
    assert (started["job"], started["status"]) == ("daily", "queued")
    run = wait_for(admin, started["id"])
    assert run["status"] == "succeeded", run
    assert {"forget_sessions", "archive_orders", "report_sales"} <= set(run["summary"])
    text = admin.text("jobs", "show", started["id"])
    for shown in ("succeeded", "forget_guests", "deleted", "milliseconds"):
        assert shown in text
    listed = admin.json("jobs", "list")
    assert {job["job"] for job in listed["jobs"]} >= {"daily", "hourly"}
    assert started["id"] in {one["id"] for one in listed["runs"]}
    assert len(admin.json("jobs", "list", "--limit", 1)["runs"]) == 1
    text = admin.text("jobs", "list")
    assert started["id"] in text
    assert "in time" in text


def test_what_is_not_there_is_refused(admin: Admin) -> None:
    assert admin.refusal("jobs", "run", "nonsense") == "There is no such job."
    assert "no such run" in admin.refusal("jobs", "show", uuid.uuid4(), code=2)


def test_a_job_that_is_missed_is_an_exit_code(admin: Admin, owner: psycopg.Connection[Row]) -> None:
    owner.execute(
        "insert into private.jobs (name, schedule, period, grace, since)"
        " values ('missed', '0 0 1 1 *', '1 hour', '1 minute', now() - interval '1 day')"
    )
    try:
        shown = admin.run("jobs", "list")
        assert shown.returncode == 1
        assert "missed" in shown.stdout
    finally:
        owner.execute("select cron.unschedule('orderbase-missed')")
        owner.execute("delete from public.job_runs where job = 'missed'")
        owner.execute("delete from private.jobs where name = 'missed'")
