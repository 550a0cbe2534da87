"""Hints that wake a worker: few, signed, and never a reason for an order to fail."""

from collections.abc import Iterator

import pytest

from tests.database.line import Line

FUNCTIONS = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def functions(line: Line) -> Iterator[None]:
    """The database knows where the functions are, and nobody answers there."""
    line.rows("select private.set_secret('functions_url', %s)", FUNCTIONS)
    line.rows("select private.set_secret('webhook_secret', 'whsec_test')")
    yield
    line.rows("delete from vault.secrets where name <> 'quote_secret'")


def woken(line: Line) -> list[str]:
    """Which functions were woken since the last look."""
    rows = line.rows("delete from net.http_request_queue returning url")
    return sorted(row["url"].removeprefix(FUNCTIONS).split("/")[1] for row in rows)


def readers(line: Line, event: str) -> list[str]:
    """Which functions get this event."""
    rows = line.rows(
        "select queue from private.event_routes join private.queues on name = queue"
        " where event_type = %s and active",
        event,
    )
    return sorted(row["queue"] for row in rows)


def test_wake_ups_are_signed_few_and_never_fail_the_order(line: Line) -> None:
    line.place_many(5)
    [wake] = line.rows("select * from net.http_request_queue")
    assert wake["url"] == f"{FUNCTIONS}/orders/wake"
    assert "whsec_test" not in str(wake)
    headers, body = wake["headers"], bytes(wake["body"]).decode()
    assert body == '{"queue": "orders"}'
    signed = line.one(
        "select private.sign_webhook(%s, %s, %s, 'whsec_test') as signature",
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        body,
    )
    assert headers["webhook-signature"] == signed["signature"]
    line.rows("delete from net.http_request_queue")
    line.rows("select private.set_secret('functions_url', 'ftp://nobody')")
    line.place()
    line.rows("delete from vault.secrets where name = 'webhook_secret'")
    line.place()
    line.rows("delete from vault.secrets where name = 'functions_url'")
    line.place()


def test_a_worker_that_looks_again_anyway_is_not_woken(line: Line) -> None:
    line.claim(looks_again=30)
    line.place()
    assert woken(line) == []


@pytest.mark.parametrize("promise", [0, 0.2])
def test_a_worker_whose_promise_is_over_is_woken(line: Line, promise: float) -> None:
    line.claim(looks_again=promise)
    line.place()
    assert woken(line) == ["orders"]


def test_a_promise_is_for_one_queue_and_one_time(line: Line) -> None:
    line.call("claim_emails", 10, 30)
    line.place()
    assert woken(line) == ["orders"]
    line.claim(looks_again=30)
    woken(line)
    line.rows("update private.drains set until = clock_timestamp() where queue = 'orders'")
    line.place()
    assert woken(line) == ["orders"]


def test_routing_wakes_who_gets_something_but_not_the_reader(line: Line) -> None:
    line.paid()
    woken(line)
    line.claim()
    others = readers(line, "order.paid")
    others.remove("orders")
    assert "emails" in others
    assert woken(line) == others


def test_the_sweeper_routes_and_wakes_whoever_has_work(line: Line) -> None:
    line.rows("select private.sweep()")
    assert woken(line) == []
    line.place()
    woken(line)
    everybody = readers(line, "order.placed")
    assert "orders" in everybody
    line.rows("select private.sweep()")
    assert woken(line) == everybody
    assert len(line.rows("select 1 from pgmq.q_orders")) == 1
    assert line.rows("select 1 from private.outbox") == []
    line.claim()
    line.rows("select private.sweep()")
    assert woken(line) == everybody


def test_the_sweeper_spares_who_looks_again(line: Line) -> None:
    line.place()
    line.claim(looks_again=30)
    woken(line)
    line.rows("select private.sweep()")
    assert woken(line) == [name for name in readers(line, "order.placed") if name != "orders"]


def test_the_clock_does_what_it_should(line: Line) -> None:
    jobs = line.rows("select jobname, schedule, command from cron.job where active")
    assert {row["jobname"].removeprefix("orderbase-"): row["schedule"] for row in jobs} == {
        "sweep": "10 seconds",
        "expire": "* * * * *",
        "check-queues": "30 seconds",
        "look-at-refunds": "7 * * * *",
        "look-at-payments": "* * * * *",
        "sweep-orders": "* * * * *",
        "check-jobs": "*/5 * * * *",
        "daily": "0 2 * * *",
        "hourly": "5 * * * *",
    }
    for job in jobs:
        line.rows(job["command"])
