"""The JSON of one change as subscribers of one role receive it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from local_stack.realtime.catalog import Column, TableView
from local_stack.realtime.pgoutput import Change, Row

_MAX_BYTES = 1024 * 1024
_KEPT_BYTES = 64
"""Of a change that is too large, only values up to this size are sent."""

Fragments = Mapping[str, str]
"""Column name to the value as JSON text."""


def _text(text: str) -> str:
    return json.dumps(text)


def _number(text: str) -> str:
    return json.dumps(text) if text in {"NaN", "Infinity", "-Infinity"} else text


def _timestamp(text: str) -> str:
    return json.dumps(text.replace(" ", "T", 1))


def _timestamptz(text: str) -> str:
    return _timestamp(text + ":00" if text.endswith("+00") else text)


_WRITERS: dict[str, Callable[[str], str]] = {
    "bool": lambda text: "true" if text == "t" else "false",
    "json": str,
    "jsonb": str,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    **dict.fromkeys(("int2", "int4", "int8", "float4", "float8", "numeric"), _number),
}


def fragment(column: Column, text: str | None) -> str:
    """A value as PostgREST would write it; composed types are not for this function."""
    if text is None:
        return "null"
    return _WRITERS.get(column.type_name, _text)(text)


@dataclass(frozen=True, slots=True)
class Event:
    """A change with its values already in JSON."""

    change: Change
    view: TableView
    new: Fragments
    old: Fragments

    def json(self, select: frozenset[str] | None) -> str:
        """The `data` of a postgres_changes message, cut to what the role may read and asked for."""
        readable = [
            column
            for column in self.view.columns.values()
            if column.selectable and (select is None or column.name in select)
        ]
        names = {column.name for column in readable}
        records = self._records(names)
        errors = "null"
        if sum(map(_size, records.values())) > _MAX_BYTES:
            records = {key: _small(values) for key, values in records.items()}
            errors = '["Error 413: Payload Too Large"]'
        parts = [
            *_head(self.change),
            '"columns":' + _columns(readable),
            *(f'"{key}":{_object(values)}' for key, values in records.items()),
            f'"errors":{errors}',
        ]
        return "{" + ",".join(parts) + "}"

    def _records(self, names: set[str]) -> dict[str, Fragments]:
        action = self.change.action
        records: dict[str, Fragments] = {}
        if action != "DELETE":
            records["record"] = _only(self.new, names)
        if action != "INSERT":
            # Row-level security cannot judge a row that is gone: its key is all that is told.
            hidden = action == "DELETE" and self.view.row_security
            records["old_record"] = _only(self.old, names & set(self.view.key) if hidden else names)
        return records


def refusal_json(change: Change, error: str) -> str:
    """The `data` of a message that says why the change is not shown."""
    parts = [*_head(change), '"columns":[]', '"record":{}', f'"errors":{json.dumps([error])}']
    return "{" + ",".join(parts) + "}"


def composed_values(view: TableView, *rows: Row) -> list[tuple[str, str]]:
    """The (SQL type, text) pairs of these rows that only PostgreSQL can write as JSON."""
    return [
        (column.sql_type, text)
        for row in rows
        for name, text in row.items()
        if text is not None and (column := view.columns.get(name)) and column.composed
    ]


def fragments(view: TableView, row: Row, composed: Mapping[tuple[str, str], str]) -> Fragments:
    """The row's values as JSON; columns that are gone by now are left out."""
    return {
        name: composed.get((column.sql_type, text or "")) or fragment(column, text)
        for name, text in row.items()
        if (column := view.columns.get(name))
    }


def _head(change: Change) -> Iterable[str]:
    at = change.transaction.committed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f'"schema":{json.dumps(change.relation.schema)}',
        f'"table":{json.dumps(change.relation.name)}',
        f'"type":"{change.action}"',
        f'"commit_timestamp":"{at}"',
    )


def _columns(columns: list[Column]) -> str:
    return json.dumps([{"name": column.name, "type": column.type_name} for column in columns])


def _only(values: Fragments, names: set[str]) -> Fragments:
    return {name: value for name, value in values.items() if name in names}


def _small(values: Fragments) -> Fragments:
    return {name: value for name, value in values.items() if len(value) <= _KEPT_BYTES}


def _size(values: Fragments) -> int:
    return sum(len(name) + len(value) for name, value in values.items())


def _object(values: Fragments) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in values.items()) + "}"
