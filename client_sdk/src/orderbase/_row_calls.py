"""Queries and writes of rows as calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from orderbase._answers import unreadable
from orderbase._call import Body, Call, rows_path
from orderbase._facts import Facts, R
from orderbase._filters import literal, parameters, require_untouched
from orderbase._http import Response
from orderbase._keyset import Key, behind, ordered
from orderbase._page import MAX_ROWS, Page, check_limit, cursor, cut, values_of
from orderbase._shape import Shape
from orderbase.errors import InvalidRequest, NotFound

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

_CHANGED_BY_TRIGGERS = ("updated_at", "version")
_TOTAL = re.compile(r".*/(\d+)")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[R, M]):
    """Which rows of a table are wanted, in which order, and as what."""

    facts: Facts[R]
    shape: Shape[M]
    conditions: tuple[str, ...] = ()
    orderings: tuple[Key, ...] = ()
    limit: int | None = None

    def keys(self) -> tuple[Key, ...]:
        """The order, to which the primary key is added: no two rows have the same place."""
        named = {key.column for key in self.orderings}
        rest = (Key(column) for column in self.facts.key if column not in named)
        return (*self.orderings, *rest)


def page(wanted: Wanted[Any, M], limit: int, after: str | None) -> Call[Page[M]]:
    """Read a page.

    Raises:
        InvalidRequest: "invalid_limit", "invalid_cursor".
    """
    check_limit(limit)
    keys = wanted.keys()
    order = ordered(keys)
    name = f"{wanted.facts.name} {order}"
    conditions = wanted.conditions
    if after is not None:
        conditions = (*conditions, behind(keys, values_of(after, name, len(keys))))

    def parse(content: bytes) -> Page[M]:
        rows = wanted.shape.rows(content)
        if cut(rows, limit) is None:
            return Page(rows)
        return Page(rows, cursor(name, wanted.shape.place(content, len(rows) - 1, keys)))

    params = {"order": order, "limit": str(min(limit + 1, MAX_ROWS))}
    return _call(wanted, "GET", parse, conditions, wanted.shape.with_keys(keys), params)


class _Count(Call[int]):
    """Reads how many there are from the answer's header."""

    def read(self, response: Response) -> int:
        super().read(response)
        total = _TOTAL.fullmatch(response.headers.get("content-range", ""))
        if total is None:
            raise unreadable(response.status, response.headers)
        return int(total[1])


def count(wanted: Wanted[Any, Any]) -> Call[int]:
    """Read how many rows there are."""
    path = _path(wanted, wanted.conditions, wanted.facts.key[0], {"limit": "1"})
    return _Count("GET", path, len, headers={"prefer": "count=exact"})


def insert(wanted: Wanted[R, M], rows: Sequence[Mapping[str, object]]) -> Call[list[M]]:
    """Write rows.

    Raises:
        InvalidRequest: "unknown_column", "invalid_value", "invalid_query".
    """
    if not rows or wanted.conditions or wanted.orderings or wanted.limit is not None:
        raise _unfit("An insert needs rows, and nothing else.")
    body: list[JsonValue] = [_written(wanted.facts, row) for row in rows]
    names = ",".join(sorted({name for row in rows for name in row}))
    params = {"columns": names} if names else {}
    return _call(wanted, "POST", wanted.shape.rows, (), wanted.shape.columns, params, body)


def upsert(
    wanted: Wanted[R, M], rows: Sequence[Mapping[str, object]], on: Sequence[str]
) -> Call[list[M]]:
    """Write rows, or change those that there are.

    Raises:
        InvalidRequest: "unknown_column", "invalid_value", "invalid_query".
    """
    if len({frozenset(row) for row in rows}) > 1:
        # The database would set what one row leaves out to its default, also where it is changed.
        raise _unfit("Rows that may be there already need the same columns.")
    call = insert(wanted, rows)
    path = f"{call.path}&{urlencode({'on_conflict': ','.join(on or wanted.facts.key)}, safe=',')}"
    prefer = {"prefer": f"{call.headers['prefer']},resolution=merge-duplicates"}
    return replace(call, path=path, headers=prefer)


def update(wanted: Wanted[R, M], changes: Mapping[str, object]) -> Call[list[M]]:
    """Change rows.

    Raises:
        InvalidRequest: "condition_required", "invalid_query", "unknown_column", "invalid_value".
    """
    _check_condition(wanted)
    if not changes:
        raise _unfit("There is nothing to change.")
    body = _written(wanted.facts, changes)
    require_untouched(wanted.conditions, (*changes, *_CHANGED_BY_TRIGGERS))
    return _call(wanted, "PATCH", _some(wanted), wanted.conditions, wanted.shape.columns, {}, body)


def delete(wanted: Wanted[R, M]) -> Call[list[M]]:
    """Delete rows.

    Raises:
        InvalidRequest: "condition_required", "invalid_query".
    """
    _check_condition(wanted)
    return _call(wanted, "DELETE", _some(wanted), wanted.conditions, wanted.shape.columns, {})


def _call(
    wanted: Wanted[Any, Any],
    method: Literal["GET", "POST", "PATCH", "DELETE"],
    parse: Callable[[bytes], T],
    conditions: Sequence[str],
    columns: str,
    params: Mapping[str, str],
    body: Body = None,
) -> Call[T]:
    reads = method == "GET"
    return Call(
        method,
        _path(wanted, conditions, columns, params),
        parse,
        body,
        repeatable=reads,
        headers={} if reads else {"prefer": "return=representation,missing=default"},
    )


def _path(
    wanted: Wanted[Any, Any], conditions: Sequence[str], columns: str, params: Mapping[str, str]
) -> str:
    query = [("select", columns), *params.items(), *parameters(conditions)]
    return rows_path(wanted.facts.name, query)


def _some(wanted: Wanted[Any, M]) -> Callable[[bytes], list[M]]:
    """Row security hides what it forbids: nothing written is no success."""

    def parse(content: bytes) -> list[M]:
        rows = wanted.shape.rows(content)
        if not rows:
            raise NotFound(f"No such row in {wanted.facts.name}.", code="row_not_found")
        return rows

    return parse


def _written(facts: Facts[Any], row: Mapping[str, object]) -> dict[str, JsonValue]:
    for name, value in row.items():
        facts.checked(name, value)
    return {
        name: literal(value) if isinstance(value, bytes) else to_jsonable_python(value)
        for name, value in row.items()
    }


def _check_condition(wanted: Wanted[Any, Any]) -> None:
    if not wanted.conditions:
        message = "Changing all rows of a table is no accident: name a condition, by where()."
        raise InvalidRequest(message, code="condition_required")
    if wanted.orderings or wanted.limit is not None:
        raise _unfit("All rows that fulfil the conditions are written: no limit, no order.")


def _unfit(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_query")
