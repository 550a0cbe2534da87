"""Events go from the outbox to every queue that wants them: each once, in order, none lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_stack.settings import Settings
from tests.database.line import Line, connected


def queued(line: Line) -> dict[str, list[int]]:
    """Ids of the events in each queue, as they lie there."""
    names = [row["name"] for row in line.rows("select name from private.queues")]
    return {
        name: [
            row["id"]
            for row in line.rows(
                f"select (message ->> 'event_id')::bigint as id from pgmq.q_{name} order by msg_id"
            )
        ]
        for name in names
    }


def expected(line: Line) -> dict[str, list[int]]:
    """What the queues should hold, by the routes and the events of this test's orders."""
    rows = line.rows(
        "select policy.name as queue, event.id from private.queues as policy"
        " join private.event_routes as route on route.queue = policy.name"
        " join public.order_events as event on event.type = route.event_type"
        " where policy.active and event.user_id = %s order by event.id",
        line.shopper.id,
    )
    queues = {row["name"] for row in line.rows("select name from private.queues")}
    return {q: [row["id"] for row in rows if row["queue"] == q] for q in queues}


def write_history(line: Line) -> None:
    """Orders with many events, none of them routed yet."""
    for order in line.place_many(5):
        for status in ("paid", "shipped", "completed"):
            line.rows(
                "with locked as (select private.lock_orders(%s))"
                " select private.move_order(%s, %s) from locked",
                [order["id"]],
                order["id"],
                status,
            )
    # These orders are none: no money was taken.
    line.rows("alter table public.orders disable trigger check_status_change")
    line.rows(
        "update public.orders set status = 'needs_attention', version = version + 1"
        " where user_id = %s",
        line.shopper.id,
    )
    line.rows("alter table public.orders enable trigger check_status_change")


def test_each_event_reaches_each_active_queue_once_and_in_order(line: Line) -> None:
    write_history(line)
    assert queued(line) == {name: [] for name in expected(line)}
    line.rows("select private.route_events()")
    line.rows("select private.route_events()")
    assert queued(line) == expected(line)
    assert len(queued(line)["orders"]) == 15
    assert len(queued(line)["emails"]) == 10
    assert line.rows("select 1 from private.outbox") == []


def test_a_queue_that_nobody_reads_gets_nothing_until_it_is_active(line: Line) -> None:
    line.rows("update private.queues set active = false where name = 'analytics'")
    try:
        write_history(line)
        line.rows("select private.route_events()")
        assert queued(line)["analytics"] == []
    finally:
        line.rows("update private.queues set active = true where name = 'analytics'")
    line.place()
    line.rows("select private.route_events()")
    assert len(queued(line)["analytics"]) == 1


def test_an_event_is_written_in_the_transaction_of_its_order(line: Line) -> None:
    order = line.place()
    with line.owner.transaction(force_rollback=True):
        line.rows("select private.lock_orders(%s)", [order["id"]])
        line.rows("select private.move_order(%s, 'cancelled')", order["id"])
        assert len(line.rows("select 1 from private.outbox")) == 2
    [waiting] = line.rows("select type from private.outbox")
    assert (waiting["type"], line.events(order)) == ("order.placed", ["placed"])


def test_routing_that_is_rolled_back_loses_and_doubles_nothing(
    line: Line, database: Settings
) -> None:
    write_history(line)
    with connected(database.database_url(), "postgres", {}) as crashing:
        with crashing.transaction(force_rollback=True):
            crashing.execute("select private.route_events()")
            crashing.execute("select * from pgmq.read('orders', 30, 3)")
        assert queued(line)["orders"] == []
    line.rows("select private.route_events()")
    assert queued(line) == expected(line)


def test_a_second_router_leaves_it_to_the_first_without_waiting(
    line: Line, database: Settings
) -> None:
    write_history(line)
    with connected(database.database_url(), "postgres", {}) as first, first.transaction():
        first.execute("select private.route_events()")
        line.rows("set lock_timeout = '1s'")
        line.rows("select private.route_events()")
        assert queued(line)["orders"] == []
        assert line.claim() == []
    assert queued(line) == expected(line)


def test_routers_and_writers_at_once_lose_and_double_nothing(
    line: Line, database: Settings
) -> None:
    url = database.database_url()

    def route(_: int) -> None:
        with connected(url, "postgres", {}) as router:
            for _ in range(40):
                router.execute("select private.route_events()")

    def write(_: int) -> None:
        line.place_many(20)

    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(part, 0) for part in (route, write, route, write)]
        for part in parts:
            part.result()
    line.rows("select private.route_events()")
    found = queued(line)["orders"]
    assert Counter(found) == Counter(expected(line)["orders"])
    assert len(found) == 40


def test_more_than_a_thousand_events_take_several_rounds(line: Line) -> None:
    line.rows(
        "insert into private.outbox (type, subject)"
        " select 'order.placed', jsonb_build_object('event_id', n) from generate_series(1, 1001) n"
    )
    line.rows("select private.route_events()")
    assert queued(line)["orders"] == list(range(1, 1001))
    line.rows("select private.route_events()")
    assert queued(line)["orders"] == list(range(1, 1002))


def test_an_event_that_nobody_wants_leaves_the_outbox(line: Line) -> None:
    line.rows("insert into private.outbox (type, subject) values ('no.such.event', '{}')")
    line.rows("select private.route_events()")
    assert line.rows("select 1 from private.outbox") == []
    assert queued(line) == {name: [] for name in queued(line)}


@pytest.mark.parametrize("reader", ["claim_orders", "claim_emails"])
def test_whoever_reads_a_queue_routes_first(line: Line, reader: str) -> None:
    line.paid()
    assert len(line.rows("select 1 from private.outbox")) == 1
    assert len(line.call(reader, 10, 0)) == 1
    assert line.rows("select 1 from private.outbox") == []


def test_the_events_of_an_order_that_its_steps_need_come_to_the_orders(line: Line) -> None:
    """What may make a step due wakes the step's queue; and every mail's event the mails' queue."""
    routes = {
        (row["event_type"], row["queue"])
        for row in line.rows("select event_type, queue from private.event_routes")
    }
    for event in (
        "order.placed", "order.paid", "order.shipped", "order.refund_due",
        "order.refund_completed", "order.cancel_requested", "order.confirmation_expired",
        "order.payment_changed", "order.resumed",
    ):  # fmt: skip
        assert (event, "orders") in routes
    mails = line.rows("select event_type from private.mail_templates")
    assert {(row["event_type"], "emails") for row in mails} <= routes


def test_every_event_that_changes_a_status_or_money_comes_to_analytics(line: Line) -> None:
    """Or the read models would lack it."""
    statuses = line.rows("select unnest(enum_range(null::public.order_status))::text as status")
    counted = {f"order.{row['status']}" for row in statuses}
    counted |= {"order.resumed", "order.refund_completed", "order.payment_captured"}
    routes = line.rows("select event_type from private.event_routes where queue = 'analytics'")
    assert counted <= {row["event_type"] for row in routes}
