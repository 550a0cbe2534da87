"""Orders of all shoppers: found, shipped, refunded, and told of."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from orderbase import (
    AsyncOrderbase,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    Money,
    NotFound,
)
from orderbase.staff import AsyncStaff, HistoryEntry, Refund
from tests.admin.conftest import Orders
from tests.admin.poison import MANUAL_SHIPPING
from tests.sdk.staff.conftest import Owner, Row
from tests.waiting import until

EUR = "EUR"


@pytest.fixture
def paid(orders: Orders) -> Row:
    """An order that waits for staff to ship it."""
    return orders.place(*MANUAL_SHIPPING)


@pytest.fixture
def completed(orders: Orders) -> Row:
    order = orders.place()
    orders.wait_for(order, "completed")
    return order


async def test_orders_of_everybody_are_found(staff: AsyncStaff, paid: Row) -> None:
    order = await staff.orders.get(paid["id"])
    assert (order.id, order.user_id, order.total) == (paid["id"], paid["user_id"], Money(1250, EUR))
    found = await staff.orders.list(number=order.number)
    assert [(one.id, one.items) for one in found] == [(order.id, order.items)]
    address = paid["email"].upper()
    both = await staff.orders.list(email=address, user_id=paid["user_id"], limit=1)
    assert len(both) == 1
    everything = [one.id async for one in staff.orders.each(order_ids=[paid["id"], uuid4()])]
    assert everything == [paid["id"]]
    assert await staff.orders.list(user_id=uuid4()) == []
    assert await staff.orders.list(email="nobody@example.com") == []


async def test_the_same_parcel_is_handed_over_once(
    staff: AsyncStaff, paid: Row, orders: Orders
) -> None:
    number = f"N{uuid4()}"
    assert await staff.orders.shipment(paid["id"]) is None
    first = await staff.orders.ship(paid["id"], carrier="dhl", tracking_number=number)
    assert first.status == "shipped"
    assert (await staff.orders.ship(paid["id"], carrier="dhl", tracking_number=number)).id == (
        first.id
    )
    parcel = await staff.orders.shipment(paid["id"])
    assert parcel is not None
    assert (parcel.carrier, parcel.tracking_number, parcel.delivered_at) == ("dhl", number, None)
    with pytest.raises(Conflict) as refusal:
        await staff.orders.ship(paid["id"], carrier="dhl", tracking_number="another")
    assert refusal.value.code == "order_not_shippable"
    other = orders.place(*MANUAL_SHIPPING)
    with pytest.raises(Conflict) as refusal:
        await staff.orders.ship(other["id"], carrier="dhl", tracking_number=number)
    assert refusal.value.code == "tracking_number_used"
    for _ in range(2):
        assert (await staff.orders.deliver(paid["id"])).status in ("shipped", "completed")
    delivered = await staff.orders.shipment(paid["id"])
    assert delivered is not None
    assert delivered.delivered_at is not None


async def test_what_cannot_be_shipped_turns_back(staff: AsyncStaff, paid: Row) -> None:
    for _ in range(2):
        order = await staff.orders.fail_shipping(
            paid["id"], code="out_of_stock", message="The shelf is empty."
        )
        assert "out_of_stock" in (order.ending, order.status)
        assert order.failure_message == "The shelf is empty."
    with pytest.raises(Conflict) as refusal:
        await staff.orders.deliver(paid["id"])
    assert refusal.value.code == "order_not_shipped"


async def test_staff_cancel_an_order_of_somebody_else(
    back_office: AsyncOrderbase, paid: Row
) -> None:
    order = await back_office.orders.cancel(paid["id"])
    assert "cancelled" in (order.ending, order.status)


async def test_money_goes_back_once_for_each_key(staff: AsyncStaff, completed: Row) -> None:
    key, order = uuid4(), completed["id"]
    assert await staff.orders.refunds(order) == []
    part = Money(300, EUR)
    refund = await staff.orders.refund(order, amount=part, reason="A scratch", idempotency_key=key)
    assert (refund.amount, refund.revision, refund.status) == (part, 1, "requested")
    assert refund.idempotency_key == key
    again = await staff.orders.refund(order, amount=part, reason="A scratch", idempotency_key=key)
    assert again.id == refund.id
    with pytest.raises(IdempotencyMismatch):
        await staff.orders.refund(
            order, amount=Money(301, EUR), reason="A scratch", idempotency_key=key
        )
    rest = await staff.orders.refund(order, amount=None, reason="All of it")
    assert (rest.amount, rest.revision) == (Money(950, EUR), 2)
    assert rest.idempotency_key is not None

    async def returned() -> list[Refund] | None:
        refunds = list(await staff.orders.refunds(order))
        return refunds if {one.status for one in refunds} == {"succeeded"} else None

    assert [one.id for one in await until(returned, 30)] == [refund.id, rest.id]
    [payment] = await staff.orders.payments(order)
    assert (payment.provider, payment.status) == ("stripe", "succeeded")
    assert payment.amount == payment.captured == payment.refunded == Money(1250, EUR)
    with pytest.raises(Conflict) as refusal:
        await staff.orders.refund(order, amount=None, reason="Once more")
    assert refusal.value.code == "nothing_to_refund"


async def test_another_currency_or_more_than_came_does_not_go_back(
    staff: AsyncStaff, completed: Row
) -> None:
    for amount, code in (
        (Money(100, "USD"), "currency_mismatch"), (Money(1251, EUR), "invalid_amount"),
        (Money(0, EUR), "invalid_amount"),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest) as refusal:
            await staff.orders.refund(completed["id"], amount=amount, reason="x")
        assert refusal.value.code == code
        assert refusal.value.context["currency"] == EUR
    assert await staff.orders.refunds(completed["id"]) == []


async def test_the_story_of_an_order(staff: AsyncStaff, completed: Row, owner: Owner) -> None:
    async def told_with_mail() -> Sequence[HistoryEntry] | None:
        entries = await staff.orders.history(completed["id"])
        mailed = any(entry.what == "order_confirmation" for entry in entries)
        return entries if mailed else None

    story = await until(told_with_mail)  # the mails have a queue of their own
    assert [entry.at for entry in story] == sorted(entry.at for entry in story)
    told = {(entry.kind, entry.what) for entry in story}
    assert {
        ("event", "order.placed"), ("event", "order.completed"), ("step", "charge"),
        ("money", "charge"), ("stock", "reserved"), ("stock", "sold"),
        ("mail", "order_confirmation"),
    } <= told  # fmt: skip
    [money] = [entry for entry in story if entry.kind == "money"]
    assert (money.data["amount"], money.data["currency"]) == (1250, EUR)


async def test_there_is_no_such_order(staff: AsyncStaff) -> None:
    nothing = uuid4()
    attempts = [
        staff.orders.get(nothing),
        staff.orders.ship(nothing, carrier="dhl", tracking_number="1"),
        staff.orders.fail_shipping(nothing, code="shipping_failed", message="Lost."),
        staff.orders.deliver(nothing),
        staff.orders.refund(nothing, amount=None, reason="x"),
        staff.orders.refunds(nothing),
        staff.orders.payments(nothing),
        staff.orders.shipment(nothing),
        staff.orders.history(nothing),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "order_not_found"


async def test_wrong_words_are_refused(staff: AsyncStaff, paid: Row) -> None:
    order: UUID = paid["id"]
    for attempt, code in (
        (staff.orders.ship(order, carrier="", tracking_number="1"), "invalid_shipment"),
        (staff.orders.fail_shipping(order, code="shipping_failed", message=""), "invalid_failure"),
        (staff.orders.refund(order, amount=None, reason=""), "invalid_reason"),
        (staff.orders.ship("7", carrier="dhl", tracking_number="1"), "invalid_order_id"),
        (
            staff.orders.refund(order, amount=None, reason="x", idempotency_key="7"),
            "invalid_idempotency_key",
        ),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == code
