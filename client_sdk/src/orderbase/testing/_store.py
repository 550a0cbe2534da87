"""The fake shop's database: rows by table, as REST shows them."""

from collections.abc import Iterator
from typing import Any, TypeAlias
from uuid import uuid4

from orderbase.testing._clock import Clock

Row: TypeAlias = dict[str, Any]
"""A row by column: what JSON can say, with ids and times as text."""

TABLES = (
    "addresses",
    "inventory",
    "order_events",
    "order_items",
    "orders",
    "payments",
    "preferences",
    "product_images",
    "product_prices",
    "products",
    "profiles",
    "refunds",
    "shipments",
)


class Store:
    """The rows of all tables, and the number of the transaction that writes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tables: dict[str, list[Row]] = {table: [] for table in TABLES}
        self.transaction = 1
        self._counters: dict[str, int] = {}

    def begin(self) -> None:
        """What is written from here on belongs together."""
        self.transaction += 1

    def count(self, name: str) -> int:
        """The next of a row of numbers, from 1."""
        self._counters[name] = self._counters.get(name, 0) + 1
        return self._counters[name]

    def insert(self, table: str, row: Row) -> Row:
        """Add a row; returns it."""
        self.tables[table].append(row)
        return row

    def rows(self, table: str, **values: object) -> Iterator[Row]:
        """Rows in which these columns have these values, oldest first."""
        return (
            row
            for row in self.tables[table]
            if all(row[column] == value for column, value in values.items())
        )

    def find(self, table: str, **values: object) -> Row | None:
        """The first such row."""
        return next(self.rows(table, **values), None)

    def get(self, table: str, **values: object) -> Row:
        """The row that is there for sure."""
        return next(self.rows(table, **values))

    def remove(self, table: str, row: Row) -> None:
        """Remove a row."""
        self.tables[table].remove(row)

    def touch(self, row: Row) -> None:
        """Note that the row has just changed."""
        row["updated_at"] = self.clock.stamp()

    def born(self) -> Row:
        """The columns that most rows begin with."""
        now = self.clock.stamp()
        return {"id": str(uuid4()), "created_at": now, "updated_at": now}
