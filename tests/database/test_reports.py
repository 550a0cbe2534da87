"""Reports of the clock: one for each day and hour, also for those that were missed; mailed once."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.clock import count_all_events, do_task
from tests.database.conftest import Row
from tests.database.line import Line, connected, wait_until_blocked

pytestmark = pytest.mark.usefixtures("same_hour")


@pytest.fixture(autouse=True)
def without_sales(line: Line) -> Iterator[None]:
    line.rows("delete from public.reports")
    count_all_events(line)
    yield
    line.rows("delete from public.reports; delete from public.daily_sales where currency = 'XTS'")


def sold(line: Line, days_ago: int, gross: int) -> None:
    line.rows(
        "insert into public.daily_sales (day, currency, placed, paid, gross)"
        " select (clock_timestamp() at time zone time_zone)::date - %s, 'XTS', 1, 1, %s"
        " from private.shop",
        days_ago,
        gross,
    )


def gross_of(report: Row) -> list[int]:
    return [row["gross"] for row in report["data"]["sales"] if row["currency"] == "XTS"]


def reports(line: Line, kind: str = "daily_sales") -> list[Row]:
    query = "select * from public.reports where kind = %s order by period_start"
    return line.rows(query, kind)


def test_yesterdays_sales_are_reported_once_and_mailed_once(line: Line) -> None:
    line.set_shop(staff_email="staff@example.com")
    for days, gross in ((0, 1), (1, 700), (2, 9)):
        sold(line, days, gross)
    for _ in range(2):
        do_task(line, "report_sales")
    [report] = reports(line)
    assert gross_of(report) == [700]
    [mail] = line.claim_mails()
    assert (mail["template"], mail["recipient"]) == ("daily_report", "staff@example.com")
    assert mail["data"] == report["data"]
    assert line.claim_mails() == []


def test_two_who_report_at_the_same_time_ask_for_one_mail(line: Line, database: Settings) -> None:
    line.set_shop(staff_email="staff@example.com")
    url = database.database_url()
    with (
        connected(url, "postgres", {}) as first,
        connected(url, "postgres", {}) as second,
        ThreadPoolExecutor(1) as thread,
    ):
        with first.transaction():
            first.execute("select private.report_sales()")
            late = thread.submit(second.execute, "select private.report_sales()")
            wait_until_blocked(line.owner, second.info.backend_pid)
        late.result()
    assert len(line.messages("emails")) == 1
    assert line.send_mails() == ["daily_report"]


def test_nobody_is_mailed_where_the_shop_does_not_want_that(line: Line) -> None:
    do_task(line, "report_sales")
    assert len(reports(line)) == 1
    assert line.messages("emails") == []


def test_days_that_were_missed_are_reported_too(line: Line) -> None:
    do_task(line, "report_sales")
    line.rows(
        "update public.reports set period_start = period_start - interval '3 days',"
        " data = data || jsonb_build_object('day', (data ->> 'day')::date - 3)"
    )
    assert do_task(line, "report_sales")["reports"] == 3
    days = [report["data"]["day"] for report in reports(line)]
    assert len(set(days)) == 4
    assert do_task(line, "report_sales")["reports"] == 0


def test_a_day_is_the_shops(line: Line) -> None:
    line.set_shop(time_zone="Pacific/Kiritimati")
    do_task(line, "report_sales")
    found = line.one(
        "select extract(hour from period_start at time zone 'UTC') as hour,"
        " period_end - period_start = interval '1 day' as whole, period_end <= now() as over"
        " from public.reports"
    )
    assert (found["hour"], found["whole"], found["over"]) == (10, True, True)


@pytest.fixture
def event_of(line: Line) -> Iterator[Callable[[int], None]]:
    """Writes an event of so many days ago; it is not counted yet."""
    order = line.place()
    count_all_events(line)
    versions = itertools.count(100)

    def happen(days_ago: int) -> None:
        line.rows(
            "insert into public.order_events (order_id, type, status, version, created_at) values"
            " (%s, 'order.paid', 'paid', %s, date_trunc('day', now(), 'UTC') - %s * interval"
            " '1 day')",
            order["id"],
            next(versions),
            days_ago,
        )

    yield happen
    count_all_events(line)


def test_a_day_is_not_reported_before_its_events_are_counted(
    line: Line, event_of: Callable[[int], None]
) -> None:
    """In the outbox, in the queue, a dead letter: it is not counted."""
    event_of(1)
    did = do_task(line, "report_sales")
    assert (did["status"], reports(line)) == ("failed", [])
    assert did["error"].startswith("1 events of")
    count_all_events(line)
    event_of(0)
    event_of(2)
    assert do_task(line, "report_sales")["reports"] == 1
    assert "uncounted" not in reports(line)[0]["data"]


def test_an_event_that_is_never_counted_does_not_hold_up_reports_for_ever(
    line: Line, event_of: Callable[[int], None]
) -> None:
    do_task(line, "report_sales")
    line.rows(
        "update public.reports set period_start = period_start - interval '2 days',"
        " data = data || jsonb_build_object('day', (data ->> 'day')::date - 2)"
    )
    event_of(2)
    event_of(1)
    assert do_task(line, "report_sales")["status"] == "failed"
    assert [report["data"].get("uncounted") for report in reports(line)] == [None, 1]


def test_an_operator_may_report_by_hand(line: Line, database: Settings) -> None:
    with psycopg.connect(database.database_url(), autocommit=True) as operator:
        operator.execute("select private.report_sales()")
        operator.execute("select private.report_hours()")
    assert (len(reports(line)), len(reports(line, "hourly"))) == (1, 24)


def metric(line: Line, hours_ago: int, value: int) -> None:
    line.rows(
        "insert into public.hourly_metrics (hour, metric, label, value)"
        " values (date_trunc('hour', now(), 'UTC') - %s * interval '1 hour', 'orders', 'placed',"
        " %s)"
        " on conflict (hour, metric, label) do update set value = excluded.value",
        hours_ago,
        value,
    )


def placed(line: Line) -> list[int]:
    return [report["data"].get("placed", 0) for report in reports(line, "hourly")]


def test_each_hour_that_is_over_is_reported_and_mended_for_a_day(line: Line) -> None:
    for hours, value in ((0, 5), (1, 7), (2, 8)):
        metric(line, hours, value)
    do_task(line, "report_hours")
    assert placed(line)[-2:] == [8, 7]
    assert len(reports(line, "hourly")) == 24
    assert reports(line, "hourly")[0]["data"] == {}
    metric(line, 2, 9)
    assert do_task(line, "report_hours")["reports"] == 1
    assert placed(line)[-2:] == [9, 7]
    assert do_task(line, "report_hours")["reports"] == 0
    line.rows("delete from public.hourly_metrics where hour > now() - interval '3 hours'")


def test_hours_that_were_missed_are_reported_too(line: Line) -> None:
    do_task(line, "report_hours")
    line.rows(
        "delete from public.reports;"
        " insert into public.reports (kind, period_start, period_end, data)"
        " select 'hourly', at, at + interval '1 hour', '{}'"
        " from (select date_trunc('hour', now(), 'UTC') - interval '3 days' as at) as old"
    )
    do_task(line, "report_hours")
    assert len(reports(line, "hourly")) == 72
