"""Any table of the shop, typed: queries, and writes where the caller may write."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from orderbase import _row_calls
from orderbase._auth import AsyncAuth
from orderbase._columns import Column, Condition, I, Ordering, Table, U, facts_of
from orderbase._each import AsyncEach
from orderbase._facts import R
from orderbase._page import MAX_ROWS, Page
from orderbase._resource import Resource
from orderbase._row_calls import Wanted
from orderbase._send import Sender
from orderbase._shape import shape_of, shape_of_rows
from orderbase.errors import Conflict, InvalidRequest, NotFound

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)


class AsyncQuery(Resource, Generic[R, M]):
    """Rows of a table, read as a model. A query never changes: each method gives another one.

    What row security hides is not there.
    """

    def __init__(self, sender: Sender, auth: AsyncAuth, wanted: Wanted[R, M]) -> None:
        super().__init__(sender, auth)
        self._wanted = wanted

    def where(self, *conditions: Condition[R]) -> Self:
        """Only the rows for which all of these hold, besides those that were given before."""
        texts = (condition.text for condition in conditions)
        return self._with(conditions=(*self._wanted.conditions, *texts))

    def order_by(self, *orderings: Column[R, Any] | Ordering[R]) -> Self:
        """The rows in this order; equal ones, and those of no order, in that of their key."""
        keys = (o.ascending() if isinstance(o, Column) else o for o in orderings)
        return self._with(orderings=tuple(keys))

    def limit(self, rows: int) -> Self:
        """At most this many rows; of `page`, on each.

        Raises:
            InvalidRequest: "invalid_limit": it is less than one.
        """
        if rows < 1:
            raise InvalidRequest("A limit is at least one row.", code="invalid_limit")
        return self._with(limit=rows)

    async def all(self) -> list[M]:
        """All rows, up to the limit. More than 1000 are read in several requests."""
        found: list[M] = []
        page: Page[M] | None = None
        while page is None or page.next is not None:
            left = MAX_ROWS if self._wanted.limit is None else self._wanted.limit - len(found)
            if left <= 0:
                break
            page = await self._page(min(left, MAX_ROWS), None if page is None else page.next)
            found += page
        return found

    async def first(self) -> M | None:
        """The first row; None if there is none."""
        return next(iter(await self._page(1, None)), None)

    async def one(self) -> M:
        """The only row.

        Raises:
            NotFound: "row_not_found": there is none, or row security hides it.
            Conflict: "several_rows": there are others.
        """
        found = await self._page(2, None)
        if not found:
            raise NotFound(f"No such row in {self._wanted.facts.name}.", code="row_not_found")
        if len(found) > 1:
            raise Conflict(f"Several such rows in {self._wanted.facts.name}.", code="several_rows")
        return found[0]

    async def count(self) -> int:
        """How many rows there are, whatever the limit."""
        return await self._call(_row_calls.count(self._wanted))

    async def page(self, after: str | None = None) -> Page[M]:
        """A page of the rows: as many as the limit says, or 100.

        Args:
            after: `next` of the page before, of a query in the same order.

        Raises:
            InvalidRequest: "invalid_cursor", "invalid_limit".
        """
        return await self._page(100 if self._wanted.limit is None else self._wanted.limit, after)

    def each(self) -> AsyncEach[M]:
        """All rows, to iterate over: read page by page, of as many as the limit says, or 100."""
        return AsyncEach(self.page)

    async def _page(self, limit: int, after: str | None) -> Page[M]:
        return await self._call(_row_calls.page(self._wanted, limit, after))

    def _with(self, **changes: Any) -> Self:  # noqa: ANN401 - of Wanted
        other = copy.copy(self)
        other._wanted = replace(self._wanted, **changes)  # noqa: SLF001 - of the same class
        return other


class AsyncRows(AsyncQuery[R, R], Generic[R, I, U]):
    """Rows of a table, to read and to write.

        await shop.rows(tables.Orders).where(tables.Orders.total >= 1000).limit(10).all()

    What may be written is up to the database: most tables are changed by verbs alone.
    """

    def shaped(self, model: type[S]) -> AsyncQuery[R, S]:
        """The rows as a model of yours: what is read is what it has fields for.

        A field is the column of its name, or of its alias. A model, or a list of models, whose
        field has the name of another table is read from the rows there that belong to the row:
        at most 1000 of them, as many as the database gives.

            class Line(BaseModel):
                name: str
                quantity: int

            class Receipt(BaseModel):
                number: int
                lines: list[Line] = Field(alias="order_items")

            receipts = await shop.rows(tables.Orders).shaped(Receipt).all()

        Raises:
            InvalidRequest: "invalid_shape": there is no such column or table. When it is read:
                "shape_mismatch": a field is of another type.
        """
        wanted = self._wanted
        shape = shape_of(wanted.facts, model)
        shaped = Wanted(wanted.facts, shape, wanted.conditions, wanted.orderings, wanted.limit)
        return AsyncQuery(self._sender, self._auth, shaped)

    async def insert(self, *rows: I) -> list[R]:
        """Write new rows, all or none. It is sent once.

        Returns:
            The rows as they are now, with what the database filled in.

        Raises:
            PermissionDenied: the caller may not write such a row, or not read it.
            Conflict: a row contradicts one that is there.
            InvalidRequest: "unknown_column", "invalid_value", or the database's own code.
        """
        return await self._call(_row_calls.insert(self._wanted, rows))

    async def upsert(self, *rows: I, on: Sequence[Column[R, Any]] = ()) -> list[R]:
        """Write rows, all or none: those that are there already are changed. It is sent once.

        Of a row that is there, the columns that are given are changed; so all rows have the same.

        Args:
            *rows: new, or with the key of one that is there.
            on: the columns whose values say that it is there, which a unique constraint has; by
                default the primary key.

        Returns:
            The rows as they are now.

        Raises:
            PermissionDenied: the caller may not both write and change such rows, or not read them.
            Conflict: a row contradicts another one that is there.
            InvalidRequest: "invalid_query": the rows have different columns; "unknown_column",
                "invalid_value", or the database's own code.
        """
        names = [column.name for column in on]
        return await self._call(_row_calls.upsert(self._wanted, rows, names))

    async def update(self, changes: U) -> list[R]:
        """Change the rows of this query, which must have a condition. It is sent once.

        Returns:
            The rows as they are now.

        Raises:
            NotFound: "row_not_found": there is none, or row security hides them.
            PermissionDenied: the caller may not change such rows.
            Conflict: a row would contradict another one.
            InvalidRequest: "condition_required"; "invalid_query": a limit or an order was given;
                "unknown_column", "invalid_value", or the database's own code.
        """
        return await self._call(_row_calls.update(self._wanted, changes))

    async def delete(self) -> list[R]:
        """Delete the rows of this query, which must have a condition. It is sent once.

        Returns:
            The rows as they were.

        Raises:
            NotFound: "row_not_found": there is none, or row security hides them.
            PermissionDenied: the caller may not delete such rows.
            Conflict: other rows need them.
            InvalidRequest: "condition_required"; "invalid_query": a limit or an order was given.
        """
        return await self._call(_row_calls.delete(self._wanted))


def rows_of(sender: Sender, auth: AsyncAuth, table: type[Table[R, I, U]]) -> AsyncRows[R, I, U]:
    """The rows of a table."""
    facts = facts_of(table)
    return AsyncRows(sender, auth, Wanted(facts, shape_of_rows(facts)))
