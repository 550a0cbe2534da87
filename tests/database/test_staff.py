"""The verbs of the shop's staff: parcels, and the story of an order."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import (
    Line,
    charged,
    declined,
    on_its_way,
    out_of_stock,
    shipped,
    timed_out,
    waits,
)

VERBS: dict[str, Row] = {
    "ship_order": {"order_id": uuid.uuid4(), "carrier": "dhl", "tracking_number": "1"},
    "fail_shipping": {"order_id": uuid.uuid4(), "code": "out_of_stock", "message": "none"},
    "deliver_order": {"order_id": uuid.uuid4()},
    "refund_order": {"order_id": uuid.uuid4(), "reason": "r", "idempotency_key": uuid.uuid4()},
    "resend_email": {"email_id": uuid.uuid4()},
    "dead_letters": {},
    "retry_dead_letter": {"dead_letter_id": 1},
    "retry_dead_letters_like": {"dead_letter_id": 1},
    "give_up_dead_letter": {"dead_letter_id": 1},
    "acknowledge_alarm": {"alarm_id": uuid.uuid4()},
    "describe_image": {"image_id": uuid.uuid4(), "alt": "A cup."},
    "run_job": {"job": "daily"},
    "job_health": {},
    "order_history": {"order_id": uuid.uuid4()},
    "create_webhook_endpoint": {"url": "https://example.com/", "event_types": "{*}"},
    "update_webhook_endpoint": {"endpoint_id": uuid.uuid4()},
    "rotate_webhook_secret": {"endpoint_id": uuid.uuid4()},
    "enable_webhook_endpoint": {"endpoint_id": uuid.uuid4()},
    "disable_webhook_endpoint": {"endpoint_id": uuid.uuid4()},
    "delete_webhook_endpoint": {"endpoint_id": uuid.uuid4()},
    "redeliver_webhook": {"delivery_id": 1},
    "redeliver_webhooks": {"endpoint_id": uuid.uuid4(), "since": "2026-11-01T00:00Z"},
    "discard_webhook": {"delivery_id": 1},
    "test_webhook_endpoint": {"endpoint_id": uuid.uuid4()},
    "replay_webhooks": {"endpoint_id": uuid.uuid4(), "after": "0-0"},
    "webhook_event_types": {},
    "sales_summary": {"first_day": "2026-11-01", "last_day": "2026-11-30"},
    "hourly_report": {"first_hour": "2026-11-01T00:00Z", "last_hour": "2026-11-02T00:00Z"},
    "experiment_results": {"name": "checkout_button"},
    "list_users": {},
    "get_user": {"user_id": uuid.uuid4()},
    "edit_user": {"user_id": uuid.uuid4(), "display_name": "Eve"},
    "end_sessions": {"user_id": uuid.uuid4()},
    "create_product": {
        "product": {"slug": "not-theirs", "name": "Cup", "price": 1, "currency": "EUR"}
    },
    "update_product": {"product_id": uuid.uuid4(), "changes": {"price": 1}},
    "receive_stock": {
        "product_id": uuid.uuid4(),
        "quantity": 1,
        "idempotency_key": uuid.uuid4(),
    },
    "adjust_stock": {
        "product_id": uuid.uuid4(),
        "change": 1,
        "note": "n",
        "idempotency_key": uuid.uuid4(),
    },
}


def ship(line: Line, order: Row, number: str = "", carrier: str = "dhl") -> Row:
    [row] = line.staff.call(
        "public.ship_order",
        order_id=order["id"],
        carrier=carrier,
        tracking_number=number or f"N{order['id']}",
    )
    return row


def refusal(call: Callable[[], object]) -> tuple[object, object]:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.status, refused.value.code


def manual(line: Line, product: str | None = None) -> Row:
    """A paid order that the carrier leaves to the staff."""
    order = line.paid(2, product)
    line.step(ship=waits)
    return order


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_staff_may(
    line: Line, database: Settings, new_user: Callable[..., Caller], verb: str
) -> None:
    liar = new_user()
    liar.claims["user_metadata"] = {"role": "staff"}
    liar.claims["role"] = "staff"
    for caller in (line.shopper, new_user(email=None), liar):
        call = partial(caller.call, f"public.{verb}", **VERBS[verb])
        assert refusal(call) == (403, "staff_only")
    anon = Caller(database.database_url(), "anon", {"role": "anon"})
    assert refusal(lambda: anon.call(f"public.{verb}", **VERBS[verb]))[0] == "42501"


@pytest.mark.parametrize("verb", VERBS)
def test_a_token_that_outlives_the_job_opens_nothing(
    new_user: Callable[..., Caller], auth_admin: psycopg.Connection[Row], verb: str
) -> None:
    fired, gone = new_user("staff"), new_user("staff")
    auth_admin.execute("update auth.users set raw_app_meta_data = '{}' where id = %s", (fired.id,))
    gone.claims["session_id"] = str(uuid.uuid4())
    for caller, said in ((fired, (403, "staff_only")), (gone, (401, "sign_in_required"))):
        assert refusal(partial(caller.call, f"public.{verb}", **VERBS[verb])) == said


def test_this_file_knows_every_verb_of_the_staff(line: Line) -> None:
    rows = line.rows(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and obj_description(oid) like 'Staff: %%'"
    )
    assert {row["proname"] for row in rows} == set(VERBS)


def test_the_staff_hand_a_parcel_over(line: Line) -> None:
    product = line.new_product(stock=5)
    order = manual(line, product)
    assert ship(line, order)["status"] == "shipped"
    assert line.stock(product) == (3, 0)
    [parcel] = line.shopper.query("select carrier, delivered_at from public.shipments")
    assert parcel == {"carrier": "dhl", "delivered_at": None}
    line.send_mails()
    assert line.status(order) == "shipped"
    line.staff.call("public.deliver_order", order_id=order["id"])
    assert line.status(order) == "completed"
    assert (line.claim(), line.step_of(order, "ship")["state"]) == ([], "succeeded")


def test_the_same_parcel_twice_is_once(line: Line) -> None:
    order = manual(line)
    first = ship(line, order)
    assert ship(line, order) == first
    assert line.events(order).count("shipped") == 1
    assert refusal(lambda: ship(line, order, "another")) == (409, "order_not_shippable")


def test_a_tracking_number_belongs_to_one_order(line: Line) -> None:
    first, second = manual(line), manual(line)
    number = f"N{uuid.uuid4()}"
    ship(line, first, number)
    assert refusal(lambda: ship(line, second, number)) == (409, "tracking_number_used")
    assert line.status(second) == "paid"
    assert line.step_of(second, "ship")["state"] == "waiting"
    assert ship(line, second, number, carrier="ups")["status"] == "shipped"


@pytest.mark.parametrize(
    ("carrier", "number"),
    [
        ("", "1"),
        (" ", "1"),
        (None, "1"),
        ("dhl", ""),
        ("dhl", None),
        ("dhl", "1\n2"),
        ("dhl", "1" * 101),
    ],
)
def test_a_parcel_has_a_carrier_and_a_number(
    line: Line, carrier: str | None, number: str | None
) -> None:
    order = manual(line)
    request = {"order_id": order["id"], "carrier": carrier, "tracking_number": number}
    assert refusal(lambda: line.staff.call("public.ship_order", **request)) == (
        422,
        "invalid_shipment",
    )


def test_only_a_paid_order_that_goes_forward_is_shipped(line: Line) -> None:
    cancelling, dying = manual(line), line.paid()
    line.cancel(cancelling)
    line.dead(dying, timed_out)
    for order in (line.place(), cancelling, dying):
        assert refusal(partial(ship, line, order)) == (409, "order_not_shippable")


def test_staff_do_not_ship_what_the_carrier_is_being_asked_for(line: Line) -> None:
    order = line.paid()
    [job] = line.claim()
    assert refusal(lambda: ship(line, order)) == (409, "shipping_in_progress")
    line.finish(timed_out(job))
    assert refusal(lambda: ship(line, order)) == (409, "shipping_in_progress")
    line.come_due()
    line.step()
    assert line.status(order) == "shipped"


def test_staff_take_over_from_a_carrier_that_never_answered(line: Line) -> None:
    order = line.paid()
    [stale] = line.claim()
    line.expire_leases()
    ship(line, order)
    assert line.finish(shipped(stale)) == ["lost"]
    assert (line.claim(), line.status(order)) == ([], "shipped")


def test_staff_ship_before_any_worker_came(line: Line) -> None:
    order = line.paid()
    ship(line, order)
    assert line.claim() == line.messages("orders") == []


@pytest.mark.parametrize("code", ["out_of_stock", "shipping_failed"])
def test_the_staff_say_that_it_cannot_be_shipped(line: Line, code: str) -> None:
    product = line.new_product(stock=5)
    order = manual(line, product)
    for _ in range(2):
        [row] = line.staff.call(
            "public.fail_shipping", order_id=order["id"], code=code, message="Broken shelf."
        )
        assert row["ending"] == code
    line.drain()
    ended = line.order(order)
    assert (ended["status"], ended["failure_message"]) == (code, "Broken shelf.")
    assert (line.stock(product), line.money(order)) == ((5, 0), (2000, 2000))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "why"),
        ("cancelled", "why"),
        ("", "why"),
        ("out_of_stock", ""),
        ("out_of_stock", None),
    ],
)
def test_they_say_why_in_words_that_are_known(
    line: Line, code: str | None, message: str | None
) -> None:
    order = manual(line)
    request = {"order_id": order["id"], "code": code, "message": message}
    assert refusal(lambda: line.staff.call("public.fail_shipping", **request)) == (
        422,
        "invalid_failure",
    )


def test_an_order_arrives_once_and_only_when_it_was_shipped(line: Line) -> None:
    order = line.paid()
    deliver = {"order_id": order["id"]}
    assert refusal(lambda: line.staff.call("public.deliver_order", **deliver)) == (
        409,
        "order_not_shipped",
    )
    line.step(ship=on_its_way)
    for _ in range(2):
        line.staff.call("public.deliver_order", **deliver)
    assert line.events(order).count("delivered") == 1
    assert line.one("select delivered_at from public.shipments where order_id = %s", order["id"])[
        "delivered_at"
    ]


def test_an_order_that_somebody_holds_is_busy(line: Line, database: Settings) -> None:
    order = line.paid()
    verbs = VERBS | {"cancel_order": {}}
    names = ["ship_order", "fail_shipping", "deliver_order", "refund_order", "cancel_order"]
    calls = [
        partial(line.staff.call, f"public.{name}", **(verbs[name] | {"order_id": order["id"]}))
        for name in names
    ]
    with psycopg.connect(database.database_url()) as holder, ThreadPoolExecutor(5) as pool:
        holder.execute("select private.lock_orders(%s)", ([order["id"]],))
        assert list(pool.map(refusal, calls)) == [(503, "busy")] * 5


@pytest.mark.parametrize("verb", ["ship_order", "fail_shipping", "deliver_order", "refund_order"])
def test_an_order_that_is_not_there_is_not_found(line: Line, verb: str) -> None:
    call = partial(line.staff.call, f"public.{verb}", **VERBS[verb])
    assert refusal(call) == (404, "order_not_found")


def test_the_story_of_an_order_tells_everything_by_time(line: Line) -> None:
    order = line.place()
    line.step(charge=timed_out)
    line.come_due()
    line.step(charge=charged)
    line.step(ship=out_of_stock)
    line.dead(order, timed_out)
    line.send_mails()
    story = line.staff.call("public.order_history", order_id=order["id"])
    assert [row["at"] for row in story] == sorted(row["at"] for row in story)
    told = {(row["kind"], row["what"]) for row in story}
    assert told >= {
        ("event", "order.placed"),
        ("event", "order.paid"),
        ("event", "order.refund_due"),
        ("event", "order.needs_attention"),
        ("step", "charge"),
        ("step", "ship"),
        ("step", "refund"),
        ("failure", "charge"),
        ("failure", "refund"),
        ("money", "charge"),
        ("stock", "reserved"),
        ("mail", "order_confirmation"),
        ("dead_letter", "too_many_failures"),
    }
    failures = [row for row in story if row["kind"] == "failure"]
    assert {row["data"]["error"] for row in failures} == {"timed out"}
    assert len(failures) == 6


def test_a_declined_order_has_a_story_too(line: Line) -> None:
    order = line.place()
    line.step(charge=declined)
    story = line.staff.call("public.order_history", order_id=order["id"])
    assert ("stock", "released") in {(row["kind"], row["what"]) for row in story}
    assert line.staff.call("public.order_history", order_id=uuid.uuid4()) == []
