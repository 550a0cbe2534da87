"""Webhooks of the payment provider: each once, in any order, and never trusted over our books."""

import random
import uuid

import pytest

from tests.database.conftest import Row
from tests.database.line import (
    Answer,
    Line,
    asks_the_shopper,
    charged,
    declined,
    forestalled,
    payment_news,
    refunded,
    timed_out,
    unshippable,
)


def effects(line: Line, order: Row) -> list[str]:
    query = "select effect from private.payment_events where order_id = %s"
    return sorted(row["effect"] for row in line.rows(query, order["id"]))


def refund_news(order: Row, status: str) -> Row:
    event = {"id": f"evt_{uuid.uuid4()}", "type": f"refund.{status}", "order_id": str(order["id"])}
    return event | {"refund": {"id": "re_9", "status": status, "amount": 1000}}


def test_news_of_a_payment_that_waits_for_the_shopper_wake_it(line: Line) -> None:
    order = line.waiting_for_bank()
    assert line.receive(payment_news(order, "succeeded")) == ["looked_up"]
    assert (line.status(order), line.money(order)) == ("placed", (0, 0))
    [job] = line.step(charge=charged)
    assert (job["step"], job["reference"]) == ("charge", f"pi_{order['id']}")
    assert (line.status(order), line.money(order)) == ("paid", (1000, 0))


def test_news_wake_a_charge_that_is_tried_again_later(line: Line) -> None:
    order = line.place()
    line.step(charge=timed_out)
    assert line.receive(payment_news(order, "succeeded")) == ["looked_up"]
    line.step()
    assert line.status(order) == "paid"


def test_news_of_a_charge_in_flight_are_left_to_whoever_does_it(line: Line) -> None:
    order = line.place()
    [job] = line.claim()
    assert line.receive(payment_news(order, "succeeded")) == ["in_progress"]
    assert (line.claim(), line.money(order)) == ([], (0, 0))
    assert line.finish(charged(job)) == ["finished"]
    assert line.receive(payment_news(order, "succeeded")) == ["known"]


def test_a_repeated_event_does_nothing(line: Line) -> None:
    order = line.waiting_for_bank()
    news = payment_news(order, "succeeded")
    assert line.receive(news, news) == ["looked_up", "repeated"]
    assert line.receive(news) == ["repeated"]
    assert len(line.messages("orders")) == 1
    assert effects(line, order) == ["looked_up"]


@pytest.mark.parametrize("order_id", [None, "nobody", 7, "00000000-0000-4000-8000-000000000000"])
def test_news_of_no_order_of_ours_are_ignored(line: Line, order_id: object) -> None:
    order = line.place()
    assert line.receive(payment_news(order, "succeeded") | {"order_id": order_id}) == ["ignored"]
    assert line.status(order) == "placed"


def test_an_event_that_tells_of_no_payment_is_ignored(line: Line) -> None:
    order = line.place()
    event = {"id": f"evt_{uuid.uuid4()}", "type": "radar.warning", "order_id": str(order["id"])}
    assert line.receive(event) == ["ignored"]


@pytest.mark.parametrize("key", [None, "", "order-1-charge-1"])
def test_a_payment_under_a_key_that_is_not_ours_is_foreign(line: Line, key: str | None) -> None:
    """Anybody with the account may write our order's id into the metadata of a payment."""
    order = line.waiting_for_bank()
    line.cancel(order)
    line.step(charge=forestalled)
    stray = payment_news(order, "succeeded", key=key, reference=f"pi_{uuid.uuid4()}")
    assert line.receive(stray) == ["foreign"]
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (0, 0))


def test_a_payment_before_any_charge_of_ours_is_foreign(line: Line) -> None:
    order = line.place()
    assert line.receive(payment_news(order, "succeeded")) == ["foreign"]


@pytest.mark.parametrize(
    ("answer", "status", "capture"),
    [
        (forestalled, "cancelled", "at_once"),
        (declined, "payment_failed", "at_once"),
        (declined, "payment_failed", "on_shipment"),
    ],
)
def test_money_that_comes_too_late_goes_back_once(
    line: Line, answer: Answer, status: str, capture: str
) -> None:
    line.set_shop(capture=capture)
    product = line.new_product(stock=5)
    order = line.place(2, product)
    if status == "cancelled":
        line.step(charge=asks_the_shopper)
        line.cancel(order)
    line.step(charge=answer)
    assert line.status(order) == status
    news = "succeeded" if capture == "at_once" else "authorized"
    late = [payment_news(order, news) for _ in range(3)]
    assert line.receive(*late) == ["looked_up"] * 3
    assert (line.status(order), line.money(order)) == (status, (0, 0))
    [again] = line.step()
    assert (again["step"], again["cancelling"], again["reference"]) == (
        "charge", True, f"pi_{order['id']}",
    )  # fmt: skip
    [refund] = line.claim()
    held = {"at_once": "succeeded", "on_shipment": "authorized"}[capture]
    assert (refund["step"], refund["amount"], refund["payment_status"]) == ("refund", 2000, held)
    line.finish(refunded(refund))
    others = [payment_news(order, how) for how in (news, "failed", "canceled")]
    assert line.receive(*others) == ["known"] * 3
    taken = 2000 if capture == "at_once" else 0
    assert (line.status(order), line.money(order)) == (status, (taken, taken))
    assert (line.stock(product), line.claim()) == ((5, 0), [])


@pytest.mark.parametrize("give_up", [False, True])
def test_money_that_seemed_to_come_too_late_and_did_not_changes_nothing(
    line: Line, give_up: bool
) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=declined)
    line.receive(payment_news(order, "succeeded"))
    if give_up:
        letter = line.dead(order, timed_out)
        line.staff.call("public.give_up_dead_letter", dead_letter_id=letter["id"])
    line.drain(charge=forestalled)
    ended = line.order(order)
    assert (ended["status"], ended["ending"], line.money(order)) == ("payment_failed", None, (0, 0))
    assert (line.stock(product), line.messages("orders")) == ((5, 0), [])


def test_news_of_a_shipped_order_change_nothing(line: Line) -> None:
    order = line.arrived()
    news = [payment_news(order, how) for how in ("succeeded", "failed", "canceled", "authorized")]
    assert line.receive(*news) == ["known"] * 4
    assert (line.status(order), line.money(order), line.claim()) == ("shipped", (1000, 0), [])


def test_a_refund_that_the_bank_sends_back_raises_an_alarm_once(line: Line) -> None:
    order = line.paid()
    line.cancel(order)
    line.drain()
    assert line.receive(refund_news(order, "failed"), refund_news(order, "failed")) == [
        "alarmed",
        "alarmed",
    ]
    [alarm] = line.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("refund_failed", f"order {order['number']}")
    assert alarm["detail"]["id"] == "re_9"
    assert line.status(order) == "cancelled"


def test_news_of_a_refund_that_nobody_waits_for_are_ignored(line: Line) -> None:
    order = line.paid()
    assert line.receive(refund_news(order, "updated")) == ["ignored"]
    assert len(line.messages("orders")) == 1


@pytest.mark.parametrize("bad", [{"type": None}, {"id": "e" * 300}, {"id": None}, {"id": ""}])
def test_an_event_that_cannot_be_is_shown_to_people_and_harms_no_other(
    line: Line, bad: Row
) -> None:
    order = line.waiting_for_bank()
    events = payment_news(order, "succeeded") | bad, payment_news(order, "succeeded")
    assert line.receive(*events) == ["alarmed", "looked_up"]
    assert [alarm["kind"] for alarm in line.alarms()] == ["ledger"]


def test_2000_events_in_any_order_and_number_have_no_extra_effect(line: Line) -> None:
    """Each event comes one to five times, shuffled: refunds before payments, failures at last."""
    dice = random.Random(13)  # noqa: S311 - repeatable
    orders = line.place_many(120)
    outcomes = [charged, declined, asks_the_shopper, timed_out]
    for job in line.claim() + line.claim():
        line.finish(dice.choice(outcomes)(job))

    def carrier(job: Row) -> Row:
        return dice.choice([unshippable, timed_out])(job)

    line.drain(charge=asks_the_shopper, ship=carrier)
    for order in orders[::9]:
        line.shopper.query(
            "select public.cancel_order(id) from public.orders"
            " where id = %s and status = 'placed' and ending is null",
            order["id"],
        )
    news = [
        event
        for order in orders
        for event in (
            payment_news(order, "succeeded"),
            payment_news(order, "failed"),
            payment_news(order, "canceled"),
            payment_news(order, "succeeded", key="another"),
            refund_news(order, "updated"),
            payment_news(order, "authorized"),
        )
    ]
    late = {
        str(order["id"])
        for order in orders
        if line.status(order) in ("cancelled", "payment_failed") and line.money(order) == (0, 0)
    }

    def at_provider(job: Row) -> Row:
        called_off = job["cancelling"] and job["order_id"] not in late
        return forestalled(job) if called_off else charged(job)

    copies = [event for event in news for _ in range(dice.randint(1, 5))]
    dice.shuffle(copies)
    assert len(copies) > 2000
    seen: list[str] = []
    for start in range(0, len(copies), 100):
        seen += line.receive(*copies[start : start + 100])
        line.drain(charge=at_provider)
    line.expire_leases()
    line.drain(charge=at_provider)
    assert seen.count("repeated") == len(copies) - len(news)
    assert set(seen) == {"repeated", "known", "foreign", "looked_up", "ignored"}
    assert late
    for order in orders:
        taken, returned = line.money(order)
        ended = line.status(order) in ("cancelled", "payment_failed", "shipping_failed")
        assert (taken - returned == 0) if ended else (taken, returned) == (1000, 0)
        if str(order["id"]) in late:
            assert (taken, returned) == (1000, 1000)
    assert line.letters() == line.alarms() == []
