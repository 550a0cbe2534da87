"""What the daily job removes, and what it must keep."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import REPOSITORY, Settings
from tests.database.clock import alarms_of, count_all_events, do_task
from tests.database.conftest import ADDRESS, Caller, Row
from tests.database.line import Line, connected, lines, wait_until_blocked
from tests.database.test_ledger_differences import planting

NewUser = Callable[..., Caller]
_IN_TICKS = re.compile(r"`(\w+)`")


def session_of(line: Line, user: Caller, **times: str) -> uuid.UUID:
    """A session with these times, as SQL expressions; begun a year ago."""
    identifier = uuid.uuid4()
    columns = {"created_at": "now() - interval '1 year'"} | times
    line.rows(
        f"insert into auth.sessions (id, user_id, {', '.join(columns)})"
        f" values (%s, %s, {', '.join(columns.values())})",
        identifier,
        user.id,
    )
    return identifier


def kept(line: Line, table: str, *identifiers: object) -> list[bool]:
    """Which of these rows are still there."""
    return [
        bool(line.rows(f"select 1 from {table} where id = %s", identifier))
        for identifier in identifiers
    ]


def test_sessions_that_are_over_or_unused_are_removed_and_no_others(
    line: Line, new_user: NewUser
) -> None:
    user = new_user()
    over = session_of(line, user, not_after="now() - interval '1 second'", updated_at="now()")
    unused = session_of(line, user, refreshed_at="now() - interval '91 days'")
    used = session_of(line, user, refreshed_at="now() - interval '89 days'")
    limited = session_of(line, user, updated_at="now()", not_after="now() + interval '1 hour'")
    for session in (over, used):
        line.rows(
            "insert into auth.refresh_tokens (token, user_id, session_id) values (%s, %s, %s)",
            str(session)[:8],
            user.id,
            session,
        )
    assert do_task(line, "forget_sessions")["deleted"] == 2
    assert kept(line, "auth.sessions", over, unused, used, limited) == [False, False, True, True]
    tokens = line.rows(
        "select session_id from auth.refresh_tokens where user_id = %s", str(user.id)
    )
    assert [token["session_id"] for token in tokens] == [used]
    assert do_task(line, "forget_sessions")["deleted"] == 0


def guest_of_long_ago(line: Line, new_user: NewUser, days: int = 31) -> Caller:
    guest = new_user(email=None)
    line.rows(
        "update auth.users set created_at = now() - %s * interval '1 day' where id = %s",
        days,
        guest.id,
    )
    return guest


def test_guests_who_never_ordered_are_removed_and_nobody_else(
    line: Line, new_user: NewUser
) -> None:
    gone = guest_of_long_ago(line, new_user)
    young = guest_of_long_ago(line, new_user, 29)
    active = guest_of_long_ago(line, new_user)
    session_of(line, active, refreshed_at="now() - interval '1 day'")
    customer = guest_of_long_ago(line, new_user)
    order = customer.place(lines(line.new_product()), email="guest@example.com")
    account = new_user()
    line.rows(
        "update auth.users set created_at = now() - interval '1 year' where id = %s", account.id
    )
    assert do_task(line, "forget_guests")["deleted"] == 1
    people = (gone, young, active, customer, account)
    assert kept(line, "auth.users", *(one.id for one in people)) == [False, True, True, True, True]
    assert line.order(order)["user_id"] == customer.id
    assert line.rows("select 1 from public.profiles where user_id = %s", gone.id) == []


def test_a_guest_who_orders_just_now_keeps_the_order(line: Line, new_user: NewUser) -> None:
    guest = guest_of_long_ago(line, new_user)
    basket = Jsonb(lines(line.new_product()))
    with guest.connection() as ordering:
        placed = ordering.execute(
            "select id from public.place_order(%s, %s, 'pm_card_visa', gen_random_uuid(),"
            " email => 'guest@example.com')",
            (basket, Jsonb(ADDRESS)),
        ).fetchone()
        assert do_task(line, "forget_guests")["deleted"] == 0
    assert placed
    assert line.order(placed)["user_id"] == guest.id
    assert do_task(line, "forget_guests")["deleted"] == 0


def test_a_guest_whose_order_came_after_the_choice_keeps_it(
    line: Line, database: Settings, new_user: NewUser
) -> None:
    """The first one holds up the task, which has chosen the second one before that."""
    guests = [guest_of_long_ago(line, new_user) for _ in range(2)]
    first, second = sorted(guests, key=lambda guest: guest.id)
    url = database.database_url()
    with connected(url, "postgres", {}) as task, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(url) as holder:
            holder.execute(
                "select 1 from public.profiles where user_id = %s for update", (first.id,)
            )
            forgetting = pool.submit(task.execute, "select private.forget_guests() as did")
            wait_until_blocked(line.owner, task.info.backend_pid)
            order = second.place(lines(line.new_product()), email="guest@example.com")
        assert forgetting.result().fetchall()[0]["did"]["deleted"] == 1
    assert kept(line, "auth.users", first.id, second.id) == [False, True]
    assert line.order(order)["user_id"] == second.id


def test_many_are_removed_batch_by_batch(line: Line) -> None:
    line.rows(
        "insert into private.payment_events (id, type, effect, received_at)"
        " select 'evt_' || n, 'old', 'ignored', now() - interval '91 days'"
        " from generate_series(1, 2001) as n"
    )
    assert line.one("select private.forget_webhook_ids() as did")["did"] == {
        "deleted": 1000,
        "more": True,
    }
    assert do_task(line, "forget_webhook_ids")["deleted"] == 1001


def test_old_logs_are_removed_and_what_is_open_stays(
    line: Line, superuser: psycopg.Connection[Row]
) -> None:
    line.rows("delete from cron.job_run_details")
    superuser.execute(
        "insert into cron.job_run_details (jobid, username, start_time, end_time) values"
        " (1, 'postgres', now() - interval '8 days', now() - interval '8 days'),"
        " (2, 'postgres', now() - interval '8 days', null),"
        " (3, 'postgres', now() - interval '6 days', now() - interval '6 days')"
    )
    line.rows(
        "insert into public.job_runs (job, scheduled_for, created_at) values"
        " ('hourly', '2026-01-01', now() - interval '91 days'),"
        " ('hourly', '2026-01-02', now() - interval '89 days')"
    )
    line.rows(
        "insert into public.reports (kind, period_start, period_end, data)"
        " select kind, now() - interval '91 days', now(), '{}'"
        " from (values ('hourly'), ('daily_sales')) as one (kind)"
    )
    line.rows("select private.raise_alarm('ledger', 'open')")
    line.rows(
        "update public.alarms set raised_at = now() - interval '1 year' where subject = 'open'"
    )
    assert do_task(line, "forget_logs")["deleted"] >= 4
    assert line.rows("select jobid from cron.job_run_details") == [{"jobid": 3}]
    runs = line.rows("select 1 from public.job_runs where scheduled_for < '2026-02-01'")
    assert len(runs) == 1
    kinds = line.rows("delete from public.reports returning kind")
    assert kinds == [{"kind": "daily_sales"}]
    assert alarms_of(line, "ledger") == ["open"]


def test_statistics_of_each_table_that_grows_are_made_and_once(
    line: Line, superuser: psycopg.Connection[Row]
) -> None:
    superuser.execute("select pg_stat_reset()")
    did = do_task(line, "maintain")
    assert did["analyzed"] == 10
    stale = line.rows(
        "select relname from pg_stat_user_tables where last_analyze is null and"
        " relid = any (array['public.orders'::regclass, 'private.order_steps'::regclass])"
    )
    assert stale == []
    assert do_task(line, "maintain")["analyzed"] == 0


def test_books_that_differ_are_an_alarm_until_they_do_not(line: Line) -> None:
    product = line.new_product()
    assert do_task(line, "check_ledgers")["differences"] == 0
    line.rows("alter table public.inventory disable trigger user")
    line.rows("update public.inventory set on_hand = on_hand + 1 where product_id = %s", product)
    try:
        assert do_task(line, "check_ledgers")["differences"] == 1
        [alarm] = line.alarms()
        assert (alarm["kind"], alarm["subject"]) == ("ledger", "ledgers")
        assert alarm["detail"]["first"]["code"] == "stock_balance"
    finally:
        line.rows(
            "update public.inventory set on_hand = on_hand - 1 where product_id = %s", product
        )
        line.rows("alter table public.inventory enable trigger user")
    do_task(line, "check_ledgers")
    assert line.alarms() == []


def test_many_books_are_compared_in_batches_and_the_alarm_tells_of_all(
    line: Line, database: Settings
) -> None:
    order = line.place()
    with planting(database) as planted:
        planted.execute(
            "insert into public.orders overriding system value"
            " select (jsonb_populate_record(subject, jsonb_build_object("
            " 'id', lpad(to_hex(n), 32, '0')::uuid, 'idempotency_key', gen_random_uuid(),"
            " 'number', -n))).* from public.orders as subject, generate_series(1, 5000) as n"
            " where subject.id = %s",
            (order["id"],),
        )
        planted.execute(
            "update public.orders set status = 'paid'"
            " where id = any (array[lpad('1', 32, '0')::uuid, %s])",
            (order["id"],),
        )
        batch = "select private.check_ledgers() as did"
        did = [row["did"] for row in planted.execute(batch)]
        while did[-1]["more"]:
            did += [row["did"] for row in planted.execute(batch)]
        alarms = planted.execute(
            "select detail -> 'differences' as differences from public.alarms"
            " where kind = 'ledger' and cleared_at is null"
        ).fetchall()
    assert did[0] == {"differences": 1, "more": True}
    assert [one["differences"] for one in did[1:] if one["differences"]] == [1]
    assert alarms == [{"differences": 2}]


@pytest.mark.parametrize("job", ["daily", "hourly"])
def test_every_task_that_is_registered_can_be_done_twice(line: Line, job: str) -> None:
    tasks = line.rows("select name from private.tasks where job = %s order by position", job)
    assert len(tasks) > 1
    count_all_events(line)
    for task in [*tasks, *tasks]:
        assert do_task(line, task["name"])["status"] == "succeeded", task["name"]


def test_a_registered_task_exists(line: Line) -> None:
    missing = line.rows(
        "select name from private.tasks"
        " where to_regprocedure(format('private.%%I()', name)) is null"
    )
    assert missing == []


def test_the_docs_name_every_task(line: Line) -> None:
    text = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(?:daily|hourly)` \|.*", text, re.MULTILINE)
    named = [(names[0], name) for names in map(_IN_TICKS.findall, rows) for name in names[1:]]
    tasks = line.rows("select job, name from private.tasks")
    assert sorted(named) == sorted((task["job"], task["name"]) for task in tasks)
