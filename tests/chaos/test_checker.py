"""The checker finds what it is there for: each kind of violation is planted once."""

import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import pytest

from tests.chaos.cases import Case, Scenario
from tests.chaos.checker import Expected, violations
from tests.chaos.conftest import STOCK, World
from tests.chaos.evidence import Evidence, gather
from tests.chaos.shop import Row, order_request


@dataclass(frozen=True)
class Truth:
    """A healthy shop with a completed order, a declined one, and one that was given back."""

    evidence: Evidence
    expected: Expected
    completed: str
    declined: str
    refunded: str

    def row(self, table: str, **wanted: object) -> Row:
        """The first row that has these values."""
        rows = self.evidence.rows[table]
        return next(row for row in rows if wanted.items() <= row.items())

    def charge(self, order: str) -> Row:
        charges = self.evidence.charges
        return next(charge for charge in charges if charge["metadata"]["order_id"] == order)


@pytest.fixture(scope="module")
async def truth(world: World) -> Truth:
    """Evidence of a real shop: a checker that is only shown made-up rows may not know real ones."""
    case = Case(world, "charge", "before_call", Scenario("completed"))
    worker = await case.start()
    orders = []
    for changed in ({}, {"payment_method": "pm_card_chargeDeclined"}, {}):
        request = order_request(world.product, **changed)
        case.order = (await world.shop.call(world.shopper, "place_order", **request))["id"]
        await case.until_rest()
        orders.append(case.order)
    await world.shop.call(
        world.staff,
        "refund_order",
        order_id=case.order,
        reason="Broken.",
        idempotency_key=str(uuid.uuid4()),
    )
    await case.until_rest()
    await worker.quit()
    evidence = await gather(world.shop, world.inbox, world.workers.parcels)
    return Truth(evidence, Expected(orders, {world.product: STOCK}), *orders)


def test_a_healthy_shop_is_in_order(truth: Truth) -> None:
    assert violations(truth.evidence, truth.expected) == []
    statuses = {row["id"]: row["status"] for row in truth.evidence.rows["orders"]}
    assert statuses == {
        truth.completed: "completed",
        truth.declined: "payment_failed",
        truth.refunded: "refunded",
    }


def charge_twice(truth: Truth) -> None:
    truth.evidence.charges.append(
        truth.charge(truth.completed) | {"metadata": {"order_id": truth.completed}}
    )


def charge_another_sum(truth: Truth) -> None:
    truth.charge(truth.completed)["amount_captured"] -= 1


def charge_in_another_currency(truth: Truth) -> None:
    truth.charge(truth.completed)["currency"] = "usd"


def keep_the_money(truth: Truth) -> None:
    truth.charge(truth.refunded)["amount_refunded"] = 0


def keep_the_authorisation(truth: Truth) -> None:
    metadata = {"order_id": truth.declined}
    truth.evidence.intents.append({"status": "requires_capture", "metadata": metadata})


def give_too_much_back(truth: Truth) -> None:
    truth.charge(truth.completed)["amount_refunded"] = 1


def charge_a_stranger(truth: Truth) -> None:
    charge = deepcopy(truth.charge(truth.completed))
    truth.evidence.charges.append(charge | {"metadata": {"order_id": "stranger"}})


def oversell(truth: Truth) -> None:
    (product,) = truth.expected.stock
    truth.row("stock", product_id=product)["reserved"] = STOCK + 1


def lose_stock(truth: Truth) -> None:
    (product,) = truth.expected.stock
    truth.row("stock", product_id=product)["on_hand"] -= 1


def lose_an_order(truth: Truth) -> None:
    for table, column in (("orders", "id"), ("items", "order_id"), ("events", "order_id")):
        rows = truth.evidence.rows[table]
        rows[:] = [row for row in rows if row[column] != truth.declined]


def stay_in_between(truth: Truth) -> None:
    truth.row("orders", id=truth.declined)["ending"] = "cancelled"


def call_nobody(truth: Truth) -> None:
    order = truth.row("orders", id=truth.declined)
    order |= {"status": "needs_attention", "interrupted_status": "payment_failed"}


def owe_a_refund(truth: Truth) -> None:
    truth.row("refunds", order_id=truth.refunded)["status"] = "requested"


def leave_a_message(truth: Truth) -> None:
    truth.evidence.rows["waiting"].append({"place": "outbox", "message": {}})


def lose_an_event(truth: Truth) -> None:
    truth.evidence.rows["tap"].pop()


def repay_twice(truth: Truth) -> None:
    truth.evidence.repayments.append(truth.evidence.repayments[0])


def ship_twice(truth: Truth) -> None:
    truth.evidence.parcels.append({"order_id": truth.completed, "key": "another"})


def ship_what_is_not_paid(truth: Truth) -> None:
    truth.evidence.parcels.append({"order_id": truth.declined, "key": "another"})


def ship_nothing(truth: Truth) -> None:
    truth.evidence.parcels.clear()


def mail_twice(truth: Truth) -> None:
    truth.evidence.mails.append(truth.evidence.mails[0])


def lose_a_mail(truth: Truth) -> None:
    truth.evidence.mails.pop(0)


def mail_silently(truth: Truth) -> None:
    truth.row("emails", status="sent", template="order_shipped")["status"] = "failed"


def leave_a_mail_claimed(truth: Truth) -> None:
    truth.row("emails", template="order_shipped")["status"] = "claimed"


def forget_a_mail(truth: Truth) -> None:
    truth.evidence.rows["emails"].remove(truth.row("emails", template="order_shipped"))


def list_a_mail_twice(truth: Truth) -> None:
    mail = truth.row("emails", template="order_shipped")
    truth.evidence.rows["emails"].append(mail | {"id": "another", "status": "unknown"})


def skip_a_version(truth: Truth) -> None:
    truth.row("orders", id=truth.completed)["version"] += 1


def leave_the_edges(truth: Truth) -> None:
    truth.row("events", order_id=truth.completed, status="paid")["status"] = "cancelled"


def contradict_a_ledger(truth: Truth) -> None:
    truth.evidence.rows["differences"].append({"difference": {"code": "stock_balance"}})


PLANTED: tuple[tuple[str, Callable[[Truth], None]], ...] = (
    ("I1", charge_twice),
    ("I1", charge_another_sum),
    ("I1", charge_in_another_currency),
    ("I1", keep_the_money),
    ("I1", keep_the_authorisation),
    ("I1", give_too_much_back),
    ("I1", charge_a_stranger),
    ("I2", oversell),
    ("I2", lose_stock),
    ("I3", lose_an_order),
    ("I3", stay_in_between),
    ("I3", call_nobody),
    ("I3", owe_a_refund),
    ("I4", leave_a_message),
    ("I4", lose_an_event),
    ("I4", repay_twice),
    ("I4", ship_twice),
    ("I4", ship_what_is_not_paid),
    ("I4", ship_nothing),
    ("I5", mail_twice),
    ("I5", lose_a_mail),
    ("I5", mail_silently),
    ("I5", leave_a_mail_claimed),
    ("I5", forget_a_mail),
    ("I5", list_a_mail_twice),
    ("I10", skip_a_version),
    ("I10", leave_the_edges),
    ("ledgers", contradict_a_ledger),
)


@pytest.mark.parametrize(
    ("invariant", "plant"), PLANTED, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_violation_is_found(truth: Truth, invariant: str, plant: Callable[[Truth], None]) -> None:
    spoilt = deepcopy(truth)
    plant(spoilt)
    found = violations(spoilt.evidence, spoilt.expected)
    assert invariant in {violation.invariant for violation in found}
