"""Orders as people name them."""

import re
from typing import TYPE_CHECKING
from uuid import UUID

from orderbase._sync import Orderbase, Orders
from orderbase.cli.render import short
from orderbase.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from orderbase.staff import StaffOrders

_SHORTEST_ID = 4
_START = re.compile(f"[0-9a-f]{{{_SHORTEST_ID},32}}")
_SHOWN = 5
_LONGEST_NUMBER = 18


def find(shop: Orderbase, name: str) -> UUID:
    """The id of the order that is called so, among those that the caller may see: see `among`."""
    user = shop.auth.user
    sees_all = user is None or user.is_staff  # nobody is signed in: a secret key
    return among(shop.staff.orders if sees_all else shop.orders, name)


def among(orders: "Orders | StaffOrders", name: str) -> UUID:
    """The id of the one of these orders with this id, number, or beginning of an id.

    Raises:
        NotFound: none is called so.
        InvalidRequest: several are.
    """
    try:
        return UUID(name)
    except ValueError:
        pass
    if name.isdecimal() and name.isascii() and len(name) <= _LONGEST_NUMBER:
        for order in orders.list(number=int(name), limit=1):
            return order.id
    return _only(_beginning_with(orders, name.lower().replace("-", "")), name)


def _beginning_with(orders: "Orders | StaffOrders", start: str) -> list[UUID]:
    if not _START.fullmatch(start):
        return []
    return [order.id for order in orders.list(id_prefix=start, limit=_SHOWN)]


def _only(fitting: list[UUID], name: str) -> UUID:
    if not fitting:
        message = (
            f"No order is called {name!r}: say its number, or {_SHORTEST_ID} or more of its id."
        )
        raise NotFound(message, code="order_not_found")
    if len(fitting) > 1:
        ids = ", ".join(map(short, fitting))
        raise InvalidRequest(f"Several orders begin so: {ids}.", code="ambiguous_order")
    return fitting[0]
