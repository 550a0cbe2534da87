"""Any table of the shop, for code that blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from orderbase._blocking import Blocking
from orderbase._columns import Column, Condition, I, Ordering, U
from orderbase._each import Each
from orderbase._facts import R
from orderbase._page import Page
from orderbase._portal import Portal
from orderbase._rows import AsyncQuery, AsyncRows

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)


class Query(Blocking[AsyncQuery[R, M]], Generic[R, M]):
    """See AsyncQuery: the same, and reading waits."""

    def where(self, *conditions: Condition[R]) -> Self:
        """See AsyncQuery.where."""
        return type(self)(self._portal, self._async.where(*conditions))

    def order_by(self, *orderings: Column[R, Any] | Ordering[R]) -> Self:
        """See AsyncQuery.order_by."""
        return type(self)(self._portal, self._async.order_by(*orderings))

    def limit(self, rows: int) -> Self:
        """See AsyncQuery.limit."""
        return type(self)(self._portal, self._async.limit(rows))

    def all(self) -> list[M]:
        """See AsyncQuery.all."""
        return self._portal.run(self._async.all())

    def first(self) -> M | None:
        """See AsyncQuery.first."""
        return self._portal.run(self._async.first())

    def one(self) -> M:
        """See AsyncQuery.one."""
        return self._portal.run(self._async.one())

    def count(self) -> int:
        """See AsyncQuery.count."""
        return self._portal.run(self._async.count())

    def page(self, after: str | None = None) -> Page[M]:
        """See AsyncQuery.page."""
        return self._portal.run(self._async.page(after))

    def each(self) -> Each[M]:
        """See AsyncQuery.each."""
        return Each(self._portal, self._async.each())


class Rows(Query[R, R], Generic[R, I, U]):
    """See AsyncRows: the same, and each request waits."""

    def __init__(self, portal: Portal, asynchronous: AsyncRows[R, I, U]) -> None:
        super().__init__(portal, asynchronous)
        self._rows = asynchronous

    def shaped(self, model: type[S]) -> Query[R, S]:
        """See AsyncRows.shaped."""
        return Query(self._portal, self._rows.shaped(model))

    def insert(self, *rows: I) -> list[R]:
        """See AsyncRows.insert."""
        return self._portal.run(self._rows.insert(*rows))

    def upsert(self, *rows: I, on: Sequence[Column[R, Any]] = ()) -> list[R]:
        """See AsyncRows.upsert."""
        return self._portal.run(self._rows.upsert(*rows, on=on))

    def update(self, changes: U) -> list[R]:
        """See AsyncRows.update."""
        return self._portal.run(self._rows.update(changes))

    def delete(self) -> list[R]:
        """See AsyncRows.delete."""
        return self._portal.run(self._rows.delete())
