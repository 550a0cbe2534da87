"""The steps of an order in the fake shop: charge, ship, deliver, refund."""

import hashlib
from datetime import datetime, timedelta
from uuid import uuid4

from orderbase.testing._cards import Decline, asks_shopper, decline_of
from orderbase.testing._ledger import Ledger
from orderbase.testing._refusals import refuse
from orderbase.testing._store import Row, Store

_TIME_TO_CONFIRM = timedelta(minutes=30)
_CANCELED = Decline("canceled", "The payment was refused.")


class Steps:
    """Moves orders along, as the shop's functions do."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def settle(self) -> None:
        """Do all that is due: charge, ship, complete, give back."""
        for order in self._store.rows("orders"):
            while self._advance(order):
                pass

    def charge(self, order: Row) -> None:
        """The money is there."""
        self._store.begin()
        self._require(order, "placed")
        self._payment(order, "succeeded")
        order["ending"] = order["failure_code"] = order["failure_message"] = None
        self._ledger.move(order, "paid")

    def decline(self, order: Row, why: Decline) -> None:
        """The payment was refused."""
        self._store.begin()
        self._require(order, "placed")
        if why.code != "resource_missing":
            self._payment(order, "failed", why.code)
        if order["ending"] is not None:
            self._ledger.end(order)
            return
        self._ledger.release(order)
        data = {"failure_code": why.code, "failure_message": why.message}
        self._ledger.move(order, "payment_failed", data)

    def ask_shopper(self, order: Row) -> None:
        """The bank wants the shopper to confirm."""
        self._store.begin()
        self._require(order, "placed")
        self._payment(order, "requires_action")
        order["reserved_until"] = (self._store.clock.now() + _TIME_TO_CONFIRM).isoformat()
        self._ledger.note(order, "order.payment_action_required")

    def ship(self, order: Row, carrier: str, tracking_number: str) -> None:
        """The parcel was handed over."""
        self._store.begin()
        self._require(order, "paid")
        parcel: Row = {"carrier": carrier, "tracking_number": tracking_number}
        shipment = {**self._store.born(), "order_id": order["id"], "user_id": order["user_id"]}
        del shipment["updated_at"]
        self._store.insert("shipments", {**shipment, **parcel, "delivered_at": None})
        self._ledger.sell(order)
        self._ledger.move(order, "shipped", parcel)

    def deliver(self, order: Row, *, noted: bool = True) -> None:
        """The parcel has arrived: that completes the order."""
        self._store.begin()
        shipment = self._store.find("shipments", order_id=order["id"])
        if shipment is None:
            message = "This order has not been shipped."
            raise refuse(409, "order_not_shipped", message, {"status": order["status"]})
        if shipment["delivered_at"] is not None:
            return
        shipment["delivered_at"] = self._store.clock.stamp()
        if noted:
            self._ledger.note(order, "order.delivered")
        if order["status"] == "shipped" and order["ending"] is None:
            self._ledger.move(order, "completed")

    def complete(self, order: Row) -> None:
        """All that is left: the order is paid, shipped, and arrives."""
        if order["status"] == "placed":
            self.charge(order)
        if order["status"] == "paid":
            self.ship(order, "test", self.tracking_number(order))
        if order["status"] != "completed":
            self._require(order, "shipped")
            self.deliver(order)

    def refund(self, order: Row) -> None:
        """What is to go back has gone back."""
        for refund in [*self._store.rows("refunds", order_id=order["id"], status="requested")]:
            self._store.begin()
            self._ledger.pay_back(order, refund)

    def tracking_number(self, order: Row) -> str:
        """What the test carrier calls the parcel."""
        return f"TEST{int(hashlib.sha256(order['id'].encode()).hexdigest(), 16) % 10**12:012}"

    def is_charging(self, order: Row) -> bool:
        """Whether a charge has begun and nobody knows how it ends."""
        return bool(self._store.find("payments", order_id=order["id"], status="requires_action"))

    def _advance(self, order: Row) -> bool:
        """Do what is due next; whether something was."""
        if self._ledger.due(order):
            self.refund(order)
        elif order["status"] == "placed" and order["ending"] is not None:
            self.decline(order, _CANCELED)
        elif order["status"] == "placed" and not self.is_charging(order):
            self._charge_card(order)
        elif order["status"] == "placed" and self._too_late(order):
            self._give_up(order)
        elif order["status"] == "paid" and order["ending"] is None:
            self.ship(order, "test", self.tracking_number(order))
        elif order["status"] == "shipped" and order["ending"] is None:
            self.deliver(order, noted=False)
        else:
            return False
        return True

    def _charge_card(self, order: Row) -> None:
        method = order["payment_method"]
        why = decline_of(method) if order["total"] else None
        if why is not None:
            self.decline(order, why)
        elif order["total"] and asks_shopper(method):
            self.ask_shopper(order)
        else:
            self.charge(order)

    def _too_late(self, order: Row) -> bool:
        until = order["reserved_until"]
        return until is not None and datetime.fromisoformat(until) <= self._store.clock.now()

    def _give_up(self, order: Row) -> None:
        self._store.begin()
        order |= {"ending": "payment_failed", "failure_code": "payment_expired"}
        order["failure_message"] = "The payment was not confirmed in time."
        self._ledger.note(order, "order.confirmation_expired")

    def _payment(self, order: Row, status: str, failure_code: str | None = None) -> None:
        known = self._store.find("payments", order_id=order["id"], status="requires_action")
        payment = known or self._store.insert("payments", self._new_payment(order))
        payment |= {
            "status": "canceled" if failure_code == _CANCELED.code else status,
            "captured": order["total"] if status == "succeeded" else 0,
            "client_secret": _secret(payment) if status == "requires_action" else None,
            "failure_code": failure_code,
        }
        self._store.touch(payment)

    def _new_payment(self, order: Row) -> Row:
        return {
            **self._store.born(),
            "order_id": order["id"],
            "user_id": order["user_id"],
            "provider": "stripe" if order["total"] else "none",
            "reference": f"pi_fake_{uuid4().hex}",
            "amount": order["total"],
            "currency": order["currency"],
            "refunded": 0,
        }

    def _require(self, order: Row, status: str) -> None:
        if order["status"] != status:
            raise ValueError(f"order {order['number']} is {order['status']}, not {status}")


def _secret(payment: Row) -> str:
    """What a browser would confirm the payment with."""
    return f"{payment['reference']}_secret_fake"
