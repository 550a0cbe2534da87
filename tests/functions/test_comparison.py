"""Each difference, planted; and a healthy shop, which has none."""

from dataclasses import replace
from typing import Any

import pytest

from functions.orders.books import Order, Payment, RefundHere
from functions.orders.comparison import compare
from functions.orders.differences import EXPLANATIONS, Difference
from functions.orders.provider_books import Intent, RefundThere
from functions.orders.snapshot import Snapshot

INTERNAL = {
    "stock_balance", "payment_balance", "order_total", "money_of_ended_order", "money_missing",
    "stock_of_order",
}  # fmt: skip


def order(number: int = 1, status: str = "completed", **changed: Any) -> Order:  # noqa: ANN401 - any field
    return Order(order_id=f"order-{number}", number=number, status=status, **changed)


def payment(number: int = 1, of: str = "completed", **changed: Any) -> Payment:  # noqa: ANN401
    """1000 EUR cents, captured, for an order with the status `of`."""
    known: dict[str, Any] = {
        "reference": f"pi_{number}",
        "order": order(number, of),
        "status": "succeeded",
        "amount": 1000,
        "currency": "EUR",
        "captured": 1000,
    }
    return Payment(**known | changed)


def intent(number: int = 1, **changed: Any) -> Intent:  # noqa: ANN401
    """1000 EUR cents, captured."""
    known: dict[str, Any] = {
        "reference": f"pi_{number}",
        "status": "succeeded",
        "currency": "EUR",
        "captured": 1000,
        "order_id": f"order-{number}",
        "key": f"order-{number}-charge-1",
    }
    return Intent(**known | changed)


AUTHORIZED: dict[str, Any] = {"status": "authorized", "captured": 0}
HELD: dict[str, Any] = {"status": "requires_capture", "captured": 0, "authorized": 1000}
UNPAID: dict[str, Any] = {"status": "canceled", "captured": 0}
HERE = RefundHere("re_1", 400)
THERE = RefundThere("re_1", "pi_1", 400)
AGAIN = intent(reference="pi_again", key="by hand")
NOT_FOUND = frozenset({"pi_1", "re_1"})

PLANTED = [
    ("unknown_here", Snapshot(intents=[intent()], orders={"order-1": order()})),
    ("unknown_here", Snapshot([payment(of="payment_failed", **UNPAID)], [intent()])),
    ("unknown_here", Snapshot([payment(of="shipped", **AUTHORIZED)], [intent()])),
    ("unknown_here", Snapshot(intents=[intent(order_id=None)])),
    ("unknown_here", Snapshot(intents=[intent()], refunds=[THERE])),
    (
        "unknown_here",
        Snapshot(intents=[intent()], refunds=[replace(THERE, amount=1000, status="failed")]),
    ),
    ("missing_there", Snapshot([payment()], missing=NOT_FOUND)),
    ("missing_there", Snapshot([payment(of="paid", **AUTHORIZED)], missing=NOT_FOUND)),
    ("amount_differs", Snapshot([payment()], [intent(captured=999)])),
    ("amount_differs", Snapshot([payment()], [intent(**UNPAID)])),
    (
        "amount_differs",
        Snapshot([payment(of="paid", **AUTHORIZED)], [intent(**HELD | {"authorized": 1001})]),
    ),
    ("currency_differs", Snapshot([payment()], [intent(currency="USD")])),
    (
        "currency_differs",
        Snapshot([payment(of="paid", **AUTHORIZED)], [intent(**HELD | {"currency": "USD"})]),
    ),
    ("captured_twice", Snapshot([payment()], [intent(), AGAIN])),
    ("captured_twice", Snapshot([payment(of="cancelled", **UNPAID)], [intent(), AGAIN])),
    ("captured_twice", Snapshot([], [intent(), AGAIN], orders={"order-1": order()})),
    ("authorization_lost", Snapshot([payment(of="paid", **AUTHORIZED)], [intent(**UNPAID)])),
    (
        "authorization_unknown_here",
        Snapshot(
            [payment(of="paid")],
            [intent(), replace(AGAIN, **HELD)],
            orders={"order-1": order(status="paid")},
        ),
    ),
    (
        "open_authorization_of_ended_order",
        Snapshot([payment(of="cancelled", **UNPAID)], [intent(**HELD)]),
    ),
    ("open_authorization_of_ended_order", Snapshot(intents=[intent(**HELD)])),
    ("refund_unknown_here", Snapshot([payment()], [intent()], [THERE])),
    ("refund_unknown_here", Snapshot([payment()], [], [THERE])),
    ("refund_missing_there", Snapshot([payment(refunds=(HERE,))], [intent()], missing=NOT_FOUND)),
    (
        "refund_failed_there",
        Snapshot([payment(refunds=(HERE,))], [intent()], [replace(THERE, status="failed")]),
    ),
    (
        "refund_amount_differs",
        Snapshot([payment(refunds=(HERE,))], [intent()], [replace(THERE, amount=300)]),
    ),
]


@pytest.mark.parametrize(("code", "snapshot"), PLANTED)
def test_what_is_planted_is_found_and_explained(code: str, snapshot: Snapshot) -> None:
    (found,) = compare(snapshot)
    assert found.code == code
    assert found.references
    assert (found.here, found.there) != (None, None)
    assert found.currency in ("EUR", "USD")
    assert found.order_number in (1, None)
    assert not found.in_progress
    assert found.explanation is EXPLANATIONS[code]


def test_every_difference_is_explained_and_planted() -> None:
    assert {code for code, _ in PLANTED} == EXPLANATIONS.keys() - INTERNAL
    assert Difference("unheard_of").as_json()["advice"]


def test_a_healthy_shop_has_none() -> None:
    snapshot = Snapshot(
        payments=[
            payment(1),
            payment(2, "refunded", refunds=(RefundHere("re_2", 1000),)),
            payment(3, "completed", refunds=(RefundHere("re_3a", 100), RefundHere("re_3b", 50))),
            payment(4, "payment_failed", **UNPAID),
            payment(5, "paid", **AUTHORIZED),
            payment(6, "cancelled", **UNPAID),
            payment(7, "placed", status="requires_action", captured=0),
            payment(8, refunds=(RefundHere("re_long_ago", 100),)),
        ],
        intents=[
            intent(1),
            intent(2),
            intent(3),
            intent(4, status="requires_payment_method", captured=0),
            intent(5, **HELD),
            intent(6, **UNPAID),
            intent(7, status="requires_action", captured=0),
            intent(8),
            intent(9, order_id=None, key=None),
            intent(10),  # by hand, and taken back by hand
            intent(11, status="requires_payment_method", captured=0),
        ],
        refunds=[
            RefundThere("re_2", "pi_2", 1000),
            RefundThere("re_3a", "pi_3", 100, "pending"),
            RefundThere("re_3b", "pi_3", 50),
            RefundThere("re_3c", "pi_3", 50, "failed"),
            RefundThere("re_10", "pi_10", 1000),
            RefundThere("re_foreign", "pi_foreign", 1),
        ],
    )
    assert compare(snapshot) == []


@pytest.mark.parametrize(("code", "snapshot"), PLANTED)
def test_only_what_passes_is_excused_while_money_moves(code: str, snapshot: Snapshot) -> None:
    moving = replace(
        snapshot,
        payments=[
            replace(one, order=replace(one.order, in_progress=True)) for one in snapshot.payments
        ],
        orders={"order-1": order(in_progress=True)} if snapshot.orders else {},
    )
    (found,) = compare(moving)
    is_known = found.order_number is not None
    assert found.in_progress == (EXPLANATIONS[code].passes and is_known)


def test_a_second_charge_says_what_is_where() -> None:
    (found,) = compare(Snapshot([payment()], [intent(), AGAIN]))
    assert found.references == ("pi_1", "pi_again")
    assert (found.order_number, found.here, found.there) == (1, 1000, 2000)


def test_a_second_charge_that_was_taken_back_is_none() -> None:
    back = RefundThere("re_again", "pi_again", 1000)
    assert compare(Snapshot([payment()], [intent(), AGAIN], [back])) == []
