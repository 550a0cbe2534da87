"""Queries of PostgREST: which rows, which columns, and what is embedded."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from orderbase.testing._filters import LOGIC, Predicate, comparable, condition, split, value_of
from orderbase.testing._refusals import rest_refusal, unknown
from orderbase.testing._relations import Reader, Relation, relation
from orderbase.testing._store import Row

MAX_ROWS = 1000

_OPTIONS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_COLUMN = re.compile(
    r"(?:(?P<alias>\w+):(?!:))?(?P<name>\w+|\*)(?P<hints>(?:!\w+)*)"
    r"(?:\((?P<columns>.*)\))?(?:::(?P<type>\w+))?",
    re.DOTALL,
)
_ORDER = re.compile(r"(\w+)(?:\.(asc|desc))?(?:\.nulls(first|last))?")


class Column(NamedTuple):
    """A column that is asked for, or an embedded table with columns of its own."""

    alias: str
    name: str
    columns: "tuple[Column, ...] | None" = None
    inner: bool = False
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows of a table, in which order, what of each, and the same of what is embedded."""

    columns: tuple[Column, ...]
    conditions: tuple[Predicate, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int
    offset: int
    embedded: "Mapping[str, Query]"

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Query":
        """What the query of an address says.

        Raises:
            Refusal: it cannot be read, or is more than the fake knows.
        """
        options: dict[str, str] = {}
        conditions: list[Predicate] = []
        embedded: dict[str, list[tuple[str, str]]] = {}
        for name, value in pairs:
            table, dot, rest = name.partition(".")
            if name in _OPTIONS:
                options[name] = value
            elif dot and name not in LOGIC:
                embedded.setdefault(table, []).append((rest, value))
            else:
                conditions.append(condition(name, value))
        return cls(
            columns(options.get("select", "*")),
            tuple(conditions),
            _order(options.get("order", "")),
            min(int(options.get("limit", MAX_ROWS)), MAX_ROWS),
            int(options.get("offset", 0)),
            {table: cls.of(own) for table, own in embedded.items()},
        )

    def matching(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that fulfil all conditions, sorted."""
        found = [row for row in rows if all(test(row) for test in self.conditions)]
        for column, descending in reversed(self.order):
            found.sort(key=partial(_sortable, column=column), reverse=descending)
        return found

    def page(self, rows: Sequence[Row]) -> Sequence[Row]:
        """What is answered of the rows that match."""
        return rows[self.offset : self.offset + self.limit]

    def of_embedded(self, column: Column) -> "Query":
        """What is asked of an embedded table."""
        return self.embedded.get(column.alias) or self.embedded.get(column.name) or _ALL


def columns(text: str) -> tuple[Column, ...]:
    """What `select` names.

    Raises:
        Refusal: it cannot be read.
    """
    return tuple(_column(part) for part in split(text))


def show(
    read: Reader, table: str, row: Row, query: Query, wanted: Sequence[Column] | None = None
) -> Row | None:
    """What is asked for of a row; None if it lacks what is embedded by `!inner`."""
    shown: dict[str, Any] = {}
    for column in query.columns if wanted is None else wanted:
        if column.name == "*":
            shown |= row
        elif column.columns is None:
            value = value_of(row, column.name)
            shown[column.alias] = str(value) if column.as_text and value is not None else value
        else:
            to, inside = relation(table, column.name), query.of_embedded(column)
            embedded = _embed(read, to, row, inside, column.columns)
            if column.inner and not embedded:
                return None
            shown[column.alias] = embedded
    return shown


def _embed(
    read: Reader, to: Relation, row: Row, query: Query, wanted: Sequence[Column]
) -> Sequence[Row] | Row | None:
    there = query.matching(other for other in read(to.table) if other[to.theirs] == row[to.ours])
    shown = [show(read, to.table, other, query, wanted) for other in there]
    found = query.page([one for one in shown if one is not None])
    if to.many:
        return found
    return found[0] if found else None


def _column(text: str) -> Column:
    found = _COLUMN.fullmatch(text.strip())
    if found is None:
        raise unknown(f"how to select {text!r}")
    if found["type"] not in (None, "text"):
        raise unknown(f"the type {found['type']}")
    inside = None if found["columns"] is None else columns(found["columns"])
    name = found["name"]
    return Column(
        found["alias"] or name, name, inside, "!inner" in found["hints"], found["type"] == "text"
    )


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    order: list[tuple[str, bool]] = []
    for part in split(text):
        found = _ORDER.fullmatch(part)
        if found is None:
            raise rest_refusal(400, "PGRST100", f"failed to parse order ({part})")
        if found[3] not in (None, "first" if found[2] == "desc" else "last"):
            raise unknown(f"the order {part}")
        order.append((found[1], found[2] == "desc"))
    return tuple(order)


def _sortable(row: Row, column: str) -> tuple[bool, Any]:
    """Null comes last, as in Postgres."""
    value = value_of(row, column)
    return (True, 0) if value is None else (False, comparable(column, value))


_ALL = Query((), (), (), MAX_ROWS, 0, {})
