"""What happens to an order in the fake shop: its events, its stock, and its money."""

from collections.abc import Callable
from uuid import uuid4

from orderbase.testing._catalogue import move_stock
from orderbase.testing._store import Row, Store


class Ledger:
    """Writes events, and what goes with them. `tell` is told of each event's position."""

    def __init__(self, store: Store, tell: Callable[[int, int], None]) -> None:
        self._store = store
        self._tell = tell
        self.actor: str | None = None

    def record(self, order: Row, event_type: str, data: Row | None = None) -> None:
        """Write an event of the order as it is now."""
        event: Row = {
            "id": self._store.count("order_events"),
            "xid": str(self._store.transaction),
            "order_id": order["id"],
            "user_id": order["user_id"],
            "type": event_type,
            "status": order["status"],
            "version": order["version"],
            "data": data or {},
            "actor": self.actor,
            "traceparent": None,
            "created_at": self._store.clock.stamp(),
        }
        self._store.insert("order_events", event)
        self._tell(self._store.transaction, event["id"])

    def note(self, order: Row, event_type: str, data: Row | None = None) -> None:
        """Write an event that leaves the status as it is."""
        order["version"] += 1
        self._store.touch(order)
        self.record(order, event_type, data)

    def move(self, order: Row, status: str, data: Row | None = None) -> None:
        """Give the order another status."""
        data = data or {}
        if order["ending"] is None:
            order["failure_code"] = data.get("failure_code")
            order["failure_message"] = data.get("failure_message")
        order |= {"status": status, "ending": None, "reserved_until": None}
        self.note(order, f"order.{status}", data)

    def reserve(self, order: Row) -> None:
        """Promise the order's items to it."""
        self._move_stock(order, on_hand=0, reserved=1)

    def release(self, order: Row) -> None:
        """Promise them no longer."""
        self._move_stock(order, on_hand=0, reserved=-1)

    def sell(self, order: Row) -> None:
        """Let them leave the shop."""
        self._move_stock(order, on_hand=-1, reserved=-1)

    def held(self, order: Row) -> int:
        """Minor units of the order that the shop has."""
        payments = self._store.rows("payments", order_id=order["id"], status="succeeded")
        return sum(payment["captured"] - payment["refunded"] for payment in payments)

    def due(self, order: Row) -> int:
        """Minor units of it that are about to go back."""
        refunds = self._store.rows("refunds", order_id=order["id"], status="requested")
        return sum(refund["amount"] for refund in refunds)

    def compensate(self, order: Row, ending: str, failure: tuple[str, str] | None = None) -> None:
        """Turn the order back: its money, then its stock, then it ends as said."""
        code, message = failure or (None, None)
        order |= {"ending": ending, "failure_code": code, "failure_message": message}
        self._store.touch(order)
        if self.held(order) > self.due(order):
            self.request_refund(order, self.held(order) - self.due(order), code or ending)
        elif self.held(order) == 0:
            self.end(order)

    def end(self, order: Row) -> None:
        """The end of turning back: stock that is still reserved is free again."""
        if not self._store.find("shipments", order_id=order["id"]):
            self.release(order)
        payments = [*self._store.rows("payments", order_id=order["id"])]
        data = {
            "failure_code": order["failure_code"],
            "failure_message": order["failure_message"],
            "refunded": sum(p["refunded"] for p in payments) if payments else None,
        }
        said = {name: value for name, value in data.items() if value is not None}
        self.move(order, order["ending"], said)

    def request_refund(
        self, order: Row, amount: int, reason: str, idempotency_key: str | None = None
    ) -> Row:
        """Money is to go back."""
        revision = 1 + sum(1 for _ in self._store.rows("refunds", order_id=order["id"]))
        refund = {
            **self._store.born(),
            "order_id": order["id"],
            "user_id": order["user_id"],
            "revision": revision,
            "amount": amount,
            "currency": order["currency"],
            "reason": reason,
            "status": "requested",
            "reference": None,
            "idempotency_key": idempotency_key,
            "requested_by": self.actor,
        }
        self._store.insert("refunds", refund)
        data = {"refund_id": refund["id"], "amount": amount, "reason": reason}
        self.note(order, "order.refund_due", data)
        return refund

    def pay_back(self, order: Row, refund: Row) -> None:
        """Money has gone back."""
        refund |= {"status": "succeeded", "reference": f"re_fake_{uuid4().hex}"}
        self._store.touch(refund)
        payment = self._store.get("payments", order_id=order["id"], status="succeeded")
        payment["refunded"] += refund["amount"]
        data = {name: refund[name] for name in ("amount", "currency")}
        full = self.held(order) == 0
        self.note(
            order,
            "order.refund_completed",
            {"refund_id": refund["id"], **data, "full": full},
        )
        if order["ending"] is not None and full:
            self.end(order)

    def _move_stock(self, order: Row, *, on_hand: int, reserved: int) -> None:
        for item in self._store.rows("order_items", order_id=order["id"]):
            quantity = item["quantity"]
            move_stock(
                self._store,
                item["product_id"],
                on_hand=on_hand * quantity,
                reserved=reserved * quantity,
            )
