"""Conditions on rows, as PostgREST's logic trees write them."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar, cast

from pydantic_core import to_json

from orderbase.errors import InvalidRequest

T = TypeVar("T")

_WILDCARDS = {"%": ".*", "_": ".", "*": r"\*"}


def compared(column: str, operator: str, value: object) -> str:
    """Such as `status.eq."paid"`.

    Raises:
        InvalidRequest: the value is a moment without a time zone.
    """
    return f"{column}.{operator}.{_quoted(literal(value))}"


def one_of(column: str, values: Iterable[object]) -> str:
    """Such as `status.in.("paid","shipped")`.

    Raises:
        InvalidRequest: "invalid_value": see `several`.
    """
    values = several(column, values)
    return f"{column}.in.({','.join(_quoted(literal(value)) for value in values)})"


def several(column: str, values: Iterable[T]) -> Iterable[T]:
    """Values to compare a column with.

    Raises:
        InvalidRequest: "invalid_value": it is one text, of which each letter would be a value.
    """
    if isinstance(values, str | bytes):
        message = f"{column}: several values are a list or a set, not a text."
        raise InvalidRequest(message, code="invalid_value")
    return values


def like(column: str, pattern: str, *, any_case: bool) -> str:
    """SQL's LIKE.

    PostgREST takes a star for a percent sign: a pattern that has one becomes a regular expression.
    """
    if "*" not in pattern:
        return compared(column, "ilike" if any_case else "like", pattern)
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    regex = "".join(_WILDCARDS.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return compared(column, "imatch" if any_case else "match", f"^{regex}$")


def both(conditions: Iterable[str]) -> str:
    """A condition that holds where all of these do."""
    return _joined("and", conditions)


def either(conditions: Iterable[str]) -> str:
    """A condition that holds where one of these does."""
    return _joined("or", conditions)


def literal(value: object) -> str:
    """A value as Postgres reads it.

    Raises:
        InvalidRequest: a moment without a time zone: nobody knows which one is meant.
    """
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    if isinstance(value, dict):
        return to_json(value).decode()
    if isinstance(value, list | tuple | set | frozenset):
        return array(cast(Iterable[object], value))
    return str(value)


def moment(value: datetime, name: str = "datetime") -> str:
    """A moment as Postgres reads it.

    Raises:
        InvalidRequest: it has no time zone, so nobody knows which moment is meant.
    """
    if value.utcoffset() is None:
        raise InvalidRequest(f"{name} needs a time zone.", code=f"invalid_{name}")
    return value.isoformat()


def array(values: Iterable[object]) -> str:
    """A value of an array's type."""
    return "{" + ",".join(_quoted(literal(value)) for value in values) + "}"


def _joined(word: str, conditions: Iterable[str]) -> str:
    found = tuple(conditions)
    return found[0] if len(found) == 1 else f"{word}({','.join(found)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
