"""Orders as calls: the requests, and how their answers are read."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, Unpack, cast
from uuid import UUID

from pydantic import ConfigDict, JsonValue, TypeAdapter

from orderbase import _order_filters, errors
from orderbase._call import ALL, Call, one, rpc, select
from orderbase._ids import as_uuid, key_of
from orderbase._order_filters import StaffOrderFilters
from orderbase._page import Page
from orderbase.models import (
    DEFERRED,
    Address,
    FeedEvent,
    Item,
    Order,
    OrderDetails,
    OrderEvent,
    Payment,
    Quote,
)
from orderbase.money import Money, require_money

Basket: TypeAlias = Sequence[Item] | Mapping[UUID, int] | Mapping[str, int]
"""What to order: items, or how many of each product, by its id."""

_ORDERS = TypeAdapter(list[OrderDetails], config=DEFERRED)
_EVENTS = TypeAdapter(list[OrderEvent], config=DEFERRED)
_PAYMENTS = TypeAdapter(
    list[dict[str, list[Payment]]],
    config=ConfigDict(defer_build=True, hide_input_in_errors=True),  # it has the secret
)
_FEED = TypeAdapter(list[FeedEvent], config=DEFERRED)
_POSITION = TypeAdapter(str, config=DEFERRED)
_FIRST = TypeAdapter(list[dict[str, str]], config=DEFERRED)

_ORDER_COLUMNS = (
    f"{ALL},items:order_items"
    "(product:products(slug,name,price,currency),product_id,name,unit_price,quantity)"
)


def place_order(
    items: Basket,
    shipping_address: Address,
    payment_method: str,
    idempotency_key: UUID | str | None,
    terms: Mapping[str, JsonValue],
) -> Call[Order]:
    key = key_of(idempotency_key)
    arguments: dict[str, JsonValue] = {
        "items": _lines(items),
        "shipping_address": shipping_address.model_dump(exclude_none=True),
        "payment_method": payment_method,
        "idempotency_key": str(key),
        **terms,
    }
    return rpc("place_order", Order.model_validate_json, arguments, key)


def terms(
    currency: str | None,
    expected_total: Money | None,
    email: str | None,
    quote: Quote | str | None,
) -> dict[str, JsonValue]:
    """What an order may also say."""
    said: dict[str, JsonValue] = {
        "email": email,
        "quote": quote.token if isinstance(quote, Quote) else quote,
        **_expectation(currency, expected_total),
    }
    return {name: value for name, value in said.items() if value is not None}


def quote_order(items: Basket, country: str) -> Call[Quote]:
    arguments: dict[str, JsonValue] = {"items": _lines(items), "country": country}
    return rpc("quote_order", Quote.model_validate_json, arguments)


def cancel_order(order_id: UUID | str) -> Call[Order]:
    return rpc("cancel_order", Order.model_validate_json, {"order_id": str(as_uuid(order_id))})


def list_orders(
    limit: int, after: str | None, **wanted: Unpack[StaffOrderFilters]
) -> Call[Page[OrderDetails]]:
    """A page of the orders that the caller may see.

    Raises:
        InvalidRequest: "invalid_limit", "invalid_cursor", or a filter makes no sense.
    """
    listed = _order_filters.listing(**wanted)
    asked = _order_filters.conditions(**wanted)
    return listed.call(("orders", _ORDER_COLUMNS), _ORDERS, asked, limit, after)


def get_order(order_id: UUID | str) -> Call[OrderDetails]:
    parse = one(_ORDERS, "order_not_found", "There is no such order.")
    return select("orders", parse, _ORDER_COLUMNS, {"id": f"eq.{as_uuid(order_id)}"})


def list_events(order_id: UUID | str) -> Call[list[OrderEvent]]:
    def parse(content: bytes) -> list[OrderEvent]:
        events = _EVENTS.validate_json(content)
        if not events:  # every order has one: row security hid them
            raise errors.NotFound("There is no such order.", status=404, code="order_not_found")
        return events

    params = {"order_id": f"eq.{as_uuid(order_id)}", "order": "version"}
    return select("order_events", parse, ALL, params)


def get_payment(order_id: UUID | str) -> Call[Payment]:
    """The last one, read through its order: so none means none, and not that it is hidden."""
    order = one(_PAYMENTS, "order_not_found", "There is no such order.")

    def parse(content: bytes) -> Payment:
        payments = order(content)["payments"]
        if not payments:
            message = "There is no payment for this order yet."
            raise errors.NotFound(message, status=404, code="payment_not_found")
        return payments[0]

    last = {"payments.order": "created_at.desc", "payments.limit": "1"}
    return select("orders", parse, "payments(*)", {"id": f"eq.{as_uuid(order_id)}", **last})


def feed(after: str, max_rows: int) -> Call[list[FeedEvent]]:
    return rpc("order_feed", _FEED.validate_json, {"after": after, "max_rows": max_rows})


def feed_head() -> Call[str]:
    return rpc("order_feed_head", _POSITION.validate_json, {})


def before_first_event(order_id: UUID | str) -> Call[str]:
    """The position just before an order's first event."""
    first = one(_FIRST, "order_not_found", "There is no such order.")

    def parse(content: bytes) -> str:
        event = first(content)
        return f"{event['xid']}-{int(event['id']) - 1}"

    params = {"order_id": f"eq.{as_uuid(order_id)}", "order": "version", "limit": "1"}
    return select("order_events", parse, "xid::text,id::text", params)


def _lines(items: Basket) -> list[JsonValue]:
    if isinstance(items, Mapping):
        quantities = cast(Mapping[UUID | str, int], items)
        items = [Item(product, quantity) for product, quantity in quantities.items()]
    return [{"product_id": str(item.product_id), "quantity": item.quantity} for item in items]


def _expectation(currency: str | None, total: Money | None) -> dict[str, JsonValue]:
    if total is None:
        return {} if currency is None else {"currency": currency}
    require_money(total, "expected_total")
    if currency not in (None, total.currency):
        raise ValueError(f"currency {currency} and expected total {total} contradict each other")
    return {"currency": total.currency, "expected_total": total.amount}
