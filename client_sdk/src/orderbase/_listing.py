"""Lists in an order, page by page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from orderbase._call import Call, select
from orderbase._keyset import Key, behind, ordered
from orderbase._page import MAX_ROWS, Page, check_limit, page_of, values_of
from orderbase.errors import InvalidRequest

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Listing(Generic[M]):
    """An order of a list.

    Args:
        name: of the list and the order: cursors are good for no other.
        keys: what it is ordered by: never null, and unique together.
        place: the values that a thing has there.
    """

    name: str
    keys: tuple[Key, ...]
    place: Callable[[M], tuple[object, ...]]

    def call(
        self,
        source: tuple[str, str],
        things: TypeAdapter[list[M]],
        conditions: Sequence[str],
        limit: int,
        after: str | None,
        extra: Mapping[str, str] | None = None,
    ) -> Call[Page[M]]:
        """Read a page from a table and its columns, `source`; `extra` is asked for as it is.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        check_limit(limit)
        if after is not None:
            values = values_of(after, self.name, len(self.keys))
            conditions = [*conditions, behind(self.keys, values)]
        params = {"order": ordered(self.keys), "limit": str(min(limit + 1, MAX_ROWS))}
        params |= extra or {}
        if conditions:
            params["and"] = f"({','.join(conditions)})"

        def parse(content: bytes) -> Page[M]:
            return page_of(things.validate_json(content), limit, self.name, self.place)

        table, columns = source
        return select(table, parse, columns, params)


def choose(listings: Mapping[str, Listing[M]], order_by: str) -> Listing[M]:
    """The order that is wanted.

    Raises:
        InvalidRequest: "invalid_order_by": there is no such order.
    """
    if order_by not in listings:
        raise InvalidRequest(f"order_by is one of {', '.join(listings)}.", code="invalid_order_by")
    return listings[order_by]


def filtered(
    filters: Mapping[str, Callable[[Any], str]], wanted: Mapping[str, object]
) -> list[str]:
    """The conditions that are wanted; None asks for nothing.

    Raises:
        TypeError: there is no such filter.
    """
    unknown = wanted.keys() - filters.keys() - {"order_by"}
    if unknown:
        raise TypeError(f"there is no filter {', '.join(sorted(unknown))}")
    given = ((condition, wanted.get(name)) for name, condition in filters.items())
    return [condition(value) for condition, value in given if value is not None]
