"""Which orders are wanted, and in which order."""

from collections.abc import Callable, Collection
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypedDict, Unpack
from uuid import UUID

from orderbase._filters import both, compared, moment, one_of
from orderbase._ids import ids_with_prefix
from orderbase._keyset import Key
from orderbase._listing import Listing, choose, filtered
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
    return lambda money: both(
        [compared("currency", "eq", money.currency), compared("total", operator, money.amount)]
    )


def _with_prefix(prefix: str) -> str:
    least, most = ids_with_prefix(prefix)
    return both([compared("id", "gte", least), compared("id", "lte", most)])


_CONDITIONS: dict[str, Callable[[Any], str]] = {
    "order_ids": lambda ids: one_of("id", ids),
    "id_prefix": _with_prefix,
    "number": lambda number: compared("number", "eq", number),
    "statuses": lambda statuses: one_of("status", statuses),
    "placed_since": lambda at: compared("created_at", "gte", moment(at, "placed_since")),
    "placed_before": lambda at: compared("created_at", "lt", moment(at, "placed_before")),
    "currency": lambda currency: compared("currency", "eq", currency),
    "total_at_least": _of_cost("gte"),
    "total_at_most": _of_cost("lte"),
    "user_id": lambda user: compared("user_id", "eq", user),
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
        InvalidRequest: a moment has no time zone; "invalid_id_prefix".
        TypeError: there is no such filter.
    """
    return filtered(_CONDITIONS, wanted)
