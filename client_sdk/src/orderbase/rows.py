"""Types of `shop.rows`, the typed access to tables: see AsyncRows and `orderbase.tables`."""

from orderbase._blocking_rows import Query, Rows
from orderbase._columns import Column, Condition, Ordering, Table
from orderbase._rows import AsyncQuery, AsyncRows

__all__ = [
    "AsyncQuery",
    "AsyncRows",
    "Column",
    "Condition",
    "Ordering",
    "Query",
    "Rows",
    "Table",
]
