"""How the fake shop's tables refer to each other, and who may see which of their rows."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from orderbase.testing._caller import Caller
from orderbase.testing._refusals import rest_refusal, unknown
from orderbase.testing._store import Row, Store

Reader: TypeAlias = Callable[[str], Iterable[Row]]
"""The rows of a table that the caller sees."""

_PRODUCT_TABLES = ("inventory", "order_items", "product_images", "product_prices")
_ORDER_TABLES = ("order_events", "order_items", "payments", "refunds", "shipments")
_FOR_ALL = frozenset({"inventory", "product_images", "product_prices", "products"})
_ONE_TO_ONE = frozenset({("inventory", "products"), ("shipments", "orders")})
_KEYS = frozenset(
    [(table, "product_id", "products") for table in _PRODUCT_TABLES]
    + [(table, "order_id", "orders") for table in _ORDER_TABLES]
)


class Relation(NamedTuple):
    """Rows of another table whose column `theirs` is equal to the column `ours`."""

    table: str
    ours: str
    theirs: str
    many: bool


def relation(table: str, to: str) -> Relation:
    """How a table refers to another, or the other to it.

    Raises:
        Refusal: the fake knows of no such reference.
    """
    for child, key, parent in _KEYS:
        if (child, parent) == (table, to):
            return Relation(to, key, "id", many=False)
        if (child, parent) == (to, table):
            return Relation(to, "id", key, many=(child, parent) not in _ONE_TO_ONE)
    raise unknown(f"how {table} refers to {to}")


def reader(store: Store, caller: Caller) -> Reader:
    """Reads what row security lets this caller see."""

    def read(table: str) -> Iterable[Row]:
        if table not in store.tables:
            raise unknown(f"the table {table}")
        if caller.role == "anon" and table not in _FOR_ALL:
            raise rest_refusal(401, "42501", f"permission denied for table {table}")
        return (row for row in store.tables[table] if _visible(store, caller, table, row))

    return read


def _visible(store: Store, caller: Caller, table: str, row: Row) -> bool:
    if caller.role == "service_role":
        return True
    if table == "products":
        return bool(row["active"]) or caller.is_staff
    if table in _FOR_ALL:
        product = store.get("products", id=row["product_id"])
        return _visible(store, caller, "products", product)
    return caller.owns(row) or caller.is_staff
