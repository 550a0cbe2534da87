"""The verbs of staff in the fake shop, as far as they move orders."""

from orderbase.testing._basket import is_text
from orderbase.testing._caller import Caller
from orderbase.testing._ledger import Ledger
from orderbase.testing._refusals import order_not_found, refuse
from orderbase.testing._steps import Steps
from orderbase.testing._store import Row, Store

_REFUNDABLE = ("paid", "shipped", "completed")
_FAILURES = ("out_of_stock", "shipping_failed")


class Staff:
    """Staff ship, deliver and refund by the real shop's rules."""

    def __init__(self, store: Store, ledger: Ledger, steps: Steps) -> None:
        self._store = store
        self._ledger = ledger
        self._steps = steps

    def ship_order(self, caller: Caller, arguments: Row) -> Row:
        """The order, handed over. The same parcel twice is once.

        Raises:
            Refusal: whatever the shop refuses.
        """
        order = self._order(caller, arguments)
        carrier, number = arguments.get("carrier"), arguments.get("tracking_number")
        if not isinstance(carrier, str) or not isinstance(number, str):
            carrier = number = ""
        if not is_text(carrier, 1, 100) or not is_text(number, 1, 100):
            message = "A parcel has a carrier and a tracking number."
            raise refuse(422, "invalid_shipment", message)
        known = self._store.find("shipments", carrier=carrier, tracking_number=number)
        if known is not None and known["order_id"] == order["id"]:
            return order
        _require_shippable(order)
        if known is not None:
            message = "Another order has this tracking number."
            raise refuse(409, "tracking_number_used", message)
        self._steps.ship(order, carrier, number)
        return order

    def fail_shipping(self, caller: Caller, arguments: Row) -> Row:
        """The order, which cannot be shipped and turns back.

        Raises:
            Refusal: whatever the shop refuses.
        """
        order = self._order(caller, arguments)
        code, message = arguments.get("code"), arguments.get("message")
        if code not in _FAILURES or not is_text(message, 1, 500):
            wanted = "Say out_of_stock or shipping_failed, and why."
            raise refuse(422, "invalid_failure", wanted)
        if code in (order["status"], order["ending"]):
            return order
        _require_shippable(order)
        self._ledger.compensate(order, str(code), (str(code), str(message)))
        return order

    def deliver_order(self, caller: Caller, arguments: Row) -> Row:
        """The order, whose parcel has arrived.

        Raises:
            Refusal: whatever the shop refuses.
        """
        order = self._order(caller, arguments)
        self._steps.deliver(order)
        return order

    def refund_order(self, caller: Caller, arguments: Row) -> Row:
        """The refund, asked for now or, under its key, before.

        Raises:
            Refusal: whatever the shop refuses.
        """
        order = self._order(caller, arguments)
        key, reason = arguments.get("idempotency_key"), arguments.get("reason")
        if key is None:
            raise refuse(422, "invalid_idempotency_key", "A refund needs an idempotency key.")
        if not is_text(reason, 1, 500):
            raise refuse(422, "invalid_reason", "Say in a few words why.")
        if arguments.get("currency") not in (None, order["currency"]):
            message = "The order was not paid in that currency."
            context = {"currency": order["currency"]}
            raise refuse(422, "currency_mismatch", message, context)
        amount = arguments.get("amount")
        known = self._store.find("refunds", order_id=order["id"], idempotency_key=key)
        if known is not None:
            if known["reason"] != reason or amount not in (None, known["amount"]):
                message = "This idempotency key belongs to another refund."
                raise refuse(422, "idempotency_key_reused", message)
            return known
        left = self._refundable(order)
        amount = left if amount is None else amount
        if not 1 <= amount <= left:
            message = "The amount must be from 1 to what is left of the payment."
            context = {"refundable": left, "currency": order["currency"]}
            raise refuse(422, "invalid_amount", message, context)
        if amount == left:
            order["ending"] = "cancelled" if order["status"] == "paid" else "refunded"
        return self._ledger.request_refund(order, amount, str(reason), str(key))

    def _refundable(self, order: Row) -> int:
        left = self._ledger.held(order) - self._ledger.due(order)
        if order["ending"] is not None or order["status"] not in _REFUNDABLE or left <= 0:
            message = "There is no money to give back for this order now."
            context = {"status": order["status"], "refundable": left}
            raise refuse(409, "nothing_to_refund", message, context)
        return left

    def _order(self, caller: Caller, arguments: Row) -> Row:
        if not caller.sees_all:
            raise refuse(403, "staff_only", "Only the shop's staff can do this.")
        order = self._store.find("orders", id=arguments.get("order_id"))
        if order is None:
            raise order_not_found()
        return order


def _require_shippable(order: Row) -> None:
    if order["status"] != "paid" or order["ending"] is not None:
        message = "Only a paid order can be shipped."
        raise refuse(409, "order_not_shippable", message, {"status": order["status"]})
