"""Which orders are wanted, and in which order."""

from collections.abc import Callable, Collection
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args
from uuid import UUID

from orderbase._filters import amount_is, both, compared, literal, moment, one_of, several
from orderbase._ids import as_uuid, ids_with_prefix
from orderbase._keyset import Key
from orderbase._listing import Listing, choose, filtered
from orderbase.errors import InvalidRequest
from orderbase.models import OrderDetails, OrderStatus
from orderbase.money import Money

OrdersBy: TypeAlias = Literal["newest", "oldest", "dearest"]
"""Which orders come first. "dearest" lists one currency after the other: two do not compare."""


class OrderFilters(TypedDict, total=False):
    """Which orders are wanted: those that fulfil all that is given. By default all.

    Attributes:
        order_ids: only these; up to 200.
        id_prefix: only those whose id begins so: hexadecimal digits, with or without dashes.
        number: only the one with this number, which people say on the phone.
        statuses: only those that have one of these now.
        placed_since: only those placed at this moment or later; it needs a time zone.
        placed_before: only those placed earlier than this moment; it needs a time zone.
        currency: only those in this one, ISO 4217.
        total_at_least: only those that cost this or more, in the same currency.
        total_at_most: only those that cost this or less, in the same currency.
        order_by: what comes first: "newest", unless it is "oldest" or "dearest".
    """

    order_ids: Collection[UUID | str] | None
    id_prefix: str | None
    number: int | None
    statuses: Collection[OrderStatus] | None
    placed_since: datetime | None
    placed_before: datetime | None
    currency: str | None
    total_at_least: Money | None
    total_at_most: Money | None
    order_by: OrdersBy


class StaffOrderFilters(OrderFilters, total=False):
    """See OrderFilters; and whose orders are wanted.

    Attributes:
        user_id: only this buyer's.
        email: only those whose mails go to this address, in whatever case.
    """

    user_id: UUID | str | None
    email: str | None


_MOST_IDS = 200
_BY_TIME = attrgetter("created_at", "id")


def _by_number(order: OrderDetails) -> tuple[object, ...]:
    return (order.number,)


_LISTINGS: dict[str, Listing[OrderDetails]] = {
    "newest": Listing(
        "orders newest", (Key("created_at", descending=True), Key("id", descending=True)), _BY_TIME
    ),
    "oldest": Listing("orders oldest", (Key("created_at"), Key("id")), _BY_TIME),
    "dearest": Listing(
        "orders dearest",
        (Key("currency"), Key("total", descending=True), Key("id", descending=True)),
        attrgetter("currency", "total_amount", "id"),
    ),
}


# The number rises with the time, and has an index of its own.
_EVERYBODYS: dict[str, Listing[OrderDetails]] = {
    **_LISTINGS,
    "newest": Listing("all orders newest", (Key("number", descending=True),), _by_number),
    "oldest": Listing("all orders oldest", (Key("number"),), _by_number),
}


def _of_cost(operator: str) -> Callable[[Money], str]:
    return lambda money: amount_is(operator, "total", money)


def _with_ids(ids: Collection[UUID | str]) -> str:
    found = [as_uuid(one, "order_ids") for one in several("order_ids", ids)]
    if len(found) > _MOST_IDS:
        raise InvalidRequest(f"At most {_MOST_IDS} order_ids.", code="invalid_order_ids")
    return one_of("id", found)


def _with_statuses(statuses: Collection[OrderStatus]) -> str:
    found = list(several("statuses", statuses))
    if unknown := {literal(status) for status in found} - set(get_args(OrderStatus)):
        message = f"There is no status {', '.join(sorted(unknown))}."
        raise InvalidRequest(message, code="invalid_statuses")
    return one_of("status", found)


def _with_prefix(prefix: str) -> str:
    least, most = ids_with_prefix(str(prefix))
    return both([compared("id", "gte", least), compared("id", "lte", most)])


_CONDITIONS: dict[str, Callable[[Any], str]] = {
    "order_ids": _with_ids,
    "id_prefix": _with_prefix,
    "number": lambda number: compared("number", "eq", number),
    "statuses": _with_statuses,
    "placed_since": lambda at: compared("created_at", "gte", moment(at, "placed_since")),
    "placed_before": lambda at: compared("created_at", "lt", moment(at, "placed_before")),
    "currency": lambda currency: compared("currency", "eq", currency),
    "total_at_least": _of_cost("gte"),
    "total_at_most": _of_cost("lte"),
    "user_id": lambda user: compared("user_id", "eq", as_uuid(user, "user_id")),
    "email": lambda email: compared("email", "eq", email.lower()),
}


def listing(**wanted: Unpack[StaffOrderFilters]) -> Listing[OrderDetails]:
    """The order that is wanted.

    Raises:
        InvalidRequest: "invalid_order_by": there is no such order.
    """
    listings = _LISTINGS if wanted.get("user_id") else _EVERYBODYS
    return choose(listings, wanted.get("order_by", "newest"))


def conditions(**wanted: Unpack[StaffOrderFilters]) -> list[str]:
    """What the database is asked for.

    Raises:
        InvalidRequest: a moment has no time zone; "invalid_id_prefix", "invalid_order_ids",
            "invalid_statuses", "invalid_user_id".
        TypeError: there is no such filter.
    """
    return filtered(_CONDITIONS, wanted)
