from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import ADDRESS, Caller, RefusedError, Row
from tests.database.line import lines, wait_until_blocked


def feed(caller: Caller, after: str | None = None, max_rows: int = 100) -> list[Row]:
    return caller.call("public.order_feed", after=after, max_rows=max_rows)


def test_pages_of_the_feed_join_without_gap_or_repeat(
    shopper: Caller, new_product: Callable[..., str]
) -> None:
    product = new_product(stock=10)
    placed = [str(shopper.place(lines(product))["id"]) for _ in range(7)]
    seen: list[str] = []
    position = None
    while page := feed(shopper, position, 3):
        seen += [str(event["order_id"]) for event in page]
        position = page[-1]["position"]
    assert seen == placed


def test_an_event_of_a_slow_transaction_is_never_skipped(
    shopper: Caller, new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    """A later commit with a lower id would be lost to a reader that has gone past it."""
    product, other = new_product(), new_product()
    start = shopper.call("public.order_feed_head")[0]["order_feed_head"]
    with shopper.connection() as slow:
        slow.execute(
            "select public.place_order(jsonb_build_array(jsonb_build_object('product_id', %s::text,"
            " 'quantity', 1)), %s, 'pm_card_visa', gen_random_uuid())",
            (product, Jsonb(ADDRESS)),
        )
        shopper.place(lines(other))
        assert feed(shopper, start) == []
    assert len(feed(shopper, start)) == 2


def test_the_head_is_before_everything_that_comes(
    shopper: Caller, new_product: Callable[..., str]
) -> None:
    shopper.place(lines(new_product()))
    [head] = shopper.call("public.order_feed_head")
    assert feed(shopper, head["order_feed_head"]) == []
    order = shopper.place(lines(new_product()))
    [event] = feed(shopper, head["order_feed_head"])
    assert event["order_id"] == order["id"]


def test_a_position_that_was_never_told_is_refused(
    shopper: Caller, new_product: Callable[..., str]
) -> None:
    """As after a restore: transactions are counted from the beginning again."""
    shopper.place(lines(new_product()))
    [last] = shopper.query("select (max(xid::text::bigint) + 1000)::text as xid from order_events")
    with pytest.raises(RefusedError) as refusal:
        feed(shopper, f"{last['xid']}-1")
    assert refusal.value.code == "position_ahead"


def test_what_was_told_is_no_such_position_while_an_older_transaction_goes_on(
    shopper: Caller, new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    """A webhook, or the first event of an order, may be ahead of what the feed shows."""
    with new_user().connection() as slow:
        slow.execute("select pg_current_xact_id()")
        shopper.place(lines(new_product()))
        [event] = shopper.query("select xid::text || '-' || id as position from order_events")
        assert feed(shopper, event["position"]) == []


def owner_connection(database: Settings) -> psycopg.Connection[Any]:
    return psycopg.connect(database.database_url())


def test_an_orders_events_keep_their_order_when_a_batch_waited_for_it(
    database: Settings,
    shopper: Caller,
    owner: psycopg.Connection[Row],
    new_product: Callable[..., str],
) -> None:
    """The batch locks one order and waits for the next, while another is quick with the third.

    With row locks alone it would have its transaction id by then: lower than that of the quick one,
    whose event it must follow.
    """
    product = new_product()
    ids = sorted(str(shopper.place(lines(product))["id"]) for _ in range(3))
    lock = "select private.lock_orders(%s::uuid[])"
    write = "select private.note_event(%s, %s)"
    with (
        owner_connection(database) as batch,
        owner_connection(database) as slow,
        owner_connection(database) as quick,
    ):
        slow.execute(lock, (ids[1:2],))
        waiting = Thread(target=batch.execute, args=(lock, (ids,)))
        waiting.start()
        wait_until_blocked(owner, batch.info.backend_pid)
        quick.execute(lock, (ids[2:],))
        quick.execute(write, (ids[2], "order.first"))
        quick.commit()
        slow.commit()
        waiting.join()
        batch.execute(write, (ids[2], "order.second"))
        batch.commit()
    types = [event["type"] for event in feed(shopper) if str(event["order_id"]) == ids[2]]
    assert types == ["order.placed", "order.first", "order.second"]


@pytest.mark.parametrize("position", ["", "x", "1", "1-", "-1", "1-1; select", "1" * 40 + "-1"])
def test_a_position_that_is_none_is_refused(shopper: Caller, position: str) -> None:
    with pytest.raises(RefusedError) as refused:
        feed(shopper, position)
    assert (refused.value.status, refused.value.code) == (422, "invalid_position")


@pytest.mark.parametrize("max_rows", [0, -1, 1001, None])
def test_a_page_size_out_of_bounds_is_refused(shopper: Caller, max_rows: int) -> None:
    with pytest.raises(RefusedError) as refused:
        feed(shopper, None, max_rows)
    assert refused.value.code == "invalid_max_rows"
