"""The verbs of shoppers in the fake shop: place_order, cancel_order, quote_order."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from orderbase.testing import _basket, _quotes
from orderbase.testing._basket import Line
from orderbase.testing._caller import Caller
from orderbase.testing._cards import check_known
from orderbase.testing._ledger import Ledger
from orderbase.testing._refusals import order_not_found, refuse
from orderbase.testing._store import Row, Store

_PAYMENT_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,250}")
_MAX_GUEST_ORDERS = 10
_HOUR = timedelta(hours=1)


class Placing:
    """Orders are placed and cancelled by the real shop's rules."""

    def __init__(self, store: Store, ledger: Ledger, quotes: _quotes.Quotes) -> None:
        self._store = store
        self._ledger = ledger
        self._quotes = quotes

    def place_order(self, caller: Caller, arguments: Row) -> Row:
        """The order, placed now or, under its key, before.

        Raises:
            Refusal: whatever the shop refuses.
        """
        basket = _basket.check_items(arguments.get("items"))
        address = _basket.check_address(arguments.get("shipping_address"))
        if arguments.get("idempotency_key") is None:
            raise refuse(422, "invalid_idempotency_key", "An order needs an idempotency key.")
        method = _check_method(arguments.get("payment_method"))
        request = {**arguments, "items": basket, "shipping_address": address}
        digest = sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        placed = self._replayed(caller, arguments["idempotency_key"], digest)
        if placed is not None:
            return placed
        if caller.is_guest:
            self._check_rate(caller)
        quote = arguments.get("quote")
        country = address["country"]
        terms = {} if quote is None else self._quotes.honour(quote, caller, basket, country)
        lines = _basket.price(self._store, basket, country, terms)
        _basket.check_price(lines, arguments.get("currency"), arguments.get("expected_total"))
        email = _basket.check_email(caller.email, arguments.get("email"))
        _basket.check_stock(self._store, lines)
        check_known(method)
        order: Row = {
            **self._new_order(lines),
            "user_id": caller.user_id,
            "email": email,
            "shipping_address": address,
            "payment_method": method,
            "idempotency_key": arguments["idempotency_key"],
            "request_hash": rf"\x{digest}",
        }
        self._store.insert("orders", order)
        self._insert_items(order, lines)
        self._ledger.reserve(order)
        self._ledger.record(order, "order.placed", _quotes.kept(terms))
        return order

    def quote_order(self, caller: Caller, arguments: Row) -> Row:
        """See Quotes."""
        return self._quotes.quote_order(caller, arguments)

    def cancel_order(self, caller: Caller, arguments: Row) -> Row:
        """The order, cancelled, or about to be.

        Raises:
            Refusal: there is none, or it is too late.
        """
        order = self._store.find("orders", id=arguments.get("order_id"))
        if order is None or not (caller.owns(order) or caller.is_staff):
            raise order_not_found()
        if "cancelled" in (order["status"], order["ending"]):
            return order
        if order["ending"] is not None or order["status"] not in ("placed", "paid"):
            message = "This order can no longer be cancelled."
            raise refuse(409, "order_not_cancellable", message, {"status": order["status"]})
        if self._store.find("payments", order_id=order["id"], status="requires_action"):
            order["ending"] = "cancelled"
            self._ledger.note(order, "order.cancel_requested")
        else:
            self._ledger.compensate(order, "cancelled")
        return order

    def _replayed(self, caller: Caller, key: str, digest: str) -> Row | None:
        known = self._store.find("orders", user_id=caller.user_id, idempotency_key=key)
        if known is not None and known["request_hash"] != rf"\x{digest}":
            message = "This idempotency key belongs to another order request."
            context = {"order_id": known["id"]}
            raise refuse(422, "idempotency_key_reused", message, context)
        return known

    def _check_rate(self, guest: Caller) -> None:
        since = self._store.clock.now() - _HOUR
        orders = self._store.rows("orders", user_id=guest.user_id)
        recent = [o for o in orders if datetime.fromisoformat(o["created_at"]) > since]
        if len(recent) >= _MAX_GUEST_ORDERS:
            message = "A guest can place ten orders an hour. Sign up for more."
            raise refuse(429, "too_many_orders", message)

    def _new_order(self, lines: Sequence[Line]) -> Row:
        return {
            **self._store.born(),
            "number": self._store.count("orders"),
            "status": "placed",
            "currency": lines[0].currency,
            "total": _basket.total(lines),
            "ending": None,
            "interrupted_status": None,
            "failure_code": None,
            "failure_message": None,
            "capture": "at_once",
            "reserved_until": None,
            "archived_at": None,
            "version": 1,
            "traceparent": None,
        }

    def _insert_items(self, order: Row, lines: Sequence[Line]) -> None:
        for line in lines:
            item: Row = {
                "order_id": order["id"],
                "product_id": line.product_id,
                "user_id": order["user_id"],
                "name": line.name,
                "unit_price": line.unit_price,
                "quantity": line.quantity,
            }
            self._store.insert("order_items", item)


def _check_method(method: object) -> str:
    if not isinstance(method, str) or not _PAYMENT_METHOD.fullmatch(method):
        message = "The payment method must be a Stripe id (pm_…)."
        raise refuse(422, "invalid_payment_method", message)
    return method
