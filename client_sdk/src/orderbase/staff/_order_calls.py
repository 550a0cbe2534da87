"""What the staff do with orders, as calls: the requests, and how their answers are read."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._call import Call, one, rpc, select
from orderbase._ids import as_uuid, key_of
from orderbase.errors import NotFound
from orderbase.models.base import DEFERRED
from orderbase.models.orders import Order
from orderbase.models.payments import Payment
from orderbase.money import Money, require_money
from orderbase.staff._columns import columns_of
from orderbase.staff._order_models import HistoryEntry, Refund, Shipment

M = TypeVar("M")

_PAYMENTS = TypeAdapter(list[dict[str, list[Payment]]], config=DEFERRED)
_REFUNDS = TypeAdapter(list[dict[str, list[Refund]]], config=DEFERRED)
_SHIPMENTS = TypeAdapter(list[dict[str, Shipment | None]], config=DEFERRED)
_HISTORY = TypeAdapter(list[HistoryEntry], config=DEFERRED)
_NO_ORDER = ("order_not_found", "There is no such order.")


def _of_order(
    order_id: UUID | str, table: str, parse: Callable[[bytes], dict[str, M]], columns: str
) -> Call[M]:
    """Rows of a table, read through their order: so none means none, and not that it is hidden."""
    params = {"id": f"eq.{as_uuid(order_id)}", f"{table}.order": "created_at,id"}
    return select("orders", lambda content: parse(content)[table], f"{table}({columns})", params)


def order_verb(verb: str, order_id: UUID | str, **arguments: JsonValue) -> Call[Order]:
    """All these verbs do once what they are told twice, so they may be sent again."""
    return rpc(verb, Order.model_validate_json, {"order_id": str(as_uuid(order_id)), **arguments})


def refund(
    order_id: UUID | str, amount: Money | None, reason: str, idempotency_key: UUID | str | None
) -> Call[Refund]:
    key = key_of(idempotency_key)
    arguments: dict[str, JsonValue] = {
        "order_id": str(as_uuid(order_id)),
        "reason": reason,
        "idempotency_key": str(key),
    }
    if amount is not None:
        require_money(amount, "amount")
        arguments |= {"amount": amount.amount, "currency": amount.currency}
    return rpc("refund_order", Refund.model_validate_json, arguments, key)


def history(order_id: UUID | str) -> Call[list[HistoryEntry]]:
    def parse(content: bytes) -> list[HistoryEntry]:
        story = _HISTORY.validate_json(content)
        if not story:  # every order was placed
            raise NotFound("There is no such order.", status=404, code="order_not_found")
        return story

    return rpc("order_history", parse, {"order_id": str(as_uuid(order_id))})


def payments(order_id: UUID | str) -> Call[list[Payment]]:
    columns = columns_of(Payment, but={"client_secret"})  # with it, buyers confirm
    return _of_order(order_id, "payments", one(_PAYMENTS, *_NO_ORDER), columns)


def refunds(order_id: UUID | str) -> Call[list[Refund]]:
    return _of_order(order_id, "refunds", one(_REFUNDS, *_NO_ORDER), columns_of(Refund))


def shipment(order_id: UUID | str) -> Call[Shipment | None]:
    return _of_order(order_id, "shipments", one(_SHIPMENTS, *_NO_ORDER), columns_of(Shipment))
