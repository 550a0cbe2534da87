"""Conditions on rows, as PostgREST's logic trees write them."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from enum import Enum
from typing import TypeVar, cast
from uuid import UUID

from pydantic_core import to_json

from orderbase.errors import InvalidRequest
from orderbase.money import Money, require_money

T = TypeVar("T")

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TERM = re.compile(r"(\w+)\.((?:not\.)?[a-z]+(?:\(\w+\))?)\.(.*)", re.DOTALL)
_OPTIONS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or"})
_WILDCARDS = {"%": ".*", "_": ".", "*": r"\*"}


def compared(column: str, operator: str, value: object) -> str:
    """Such as `status.eq."paid"`.

    Raises:
        InvalidRequest: the value is a moment without a time zone.
    """
    return f"{column}.{operator}.{_written(value)}"


def one_of(column: str, values: Iterable[object]) -> str:
    """Such as `status.in.("paid","shipped")`.

    Raises:
        InvalidRequest: "invalid_value": see `several`.
    """
    found = list(several(column, values))
    if len(found) == 1:  # a list of one empty text would be an empty list
        return compared(column, "eq", found[0])
    return f"{column}.in.({','.join(map(_written, found))})"


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


def amount_is(operator: str, column: str, money: Money) -> str:
    """Compares an amount, in the currency beside it.

    Raises:
        TypeError: it is a bare number.
    """
    require_money(money, column)
    return both(
        [compared("currency", "eq", money.currency), compared(column, operator, money.amount)]
    )


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
    if isinstance(value, Enum):
        value = value.value
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


def moment(value: date, name: str = "datetime") -> str:
    """A moment as Postgres reads it.

    Raises:
        InvalidRequest: it has no time, or no time zone, so nobody knows which moment is meant.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        message = f"{name} is a moment with a time zone."
        raise InvalidRequest(message, code=f"invalid_{name}")
    return value.isoformat()


def array(values: Iterable[object]) -> str:
    """A value of an array's type."""
    return "{" + ",".join(_quoted(literal(value)) for value in values) + "}"


def parameters(conditions: Iterable[str]) -> list[tuple[str, str]]:
    """Conditions as parameters of an address, such as `status=eq.paid`; trees of them as one.

    PostgREST asks a tree again of the rows that a write has left, and answers only those that
    still fulfil it.
    """
    conditions = tuple(conditions)
    simple = [term for one in conditions if (term := _simple(one))]
    trees = [one for one in conditions if not _simple(one)]
    return [*simple, *([("and", f"({','.join(trees)})")] if trees else [])]


def require_untouched(conditions: Iterable[str], changed: Iterable[str]) -> None:
    """Refuse a tree that names a column which is to be changed: see `parameters`.

    Raises:
        InvalidRequest: "invalid_query".
    """
    trees = " ".join(_QUOTED.sub("", one) for one in conditions if not _simple(one))
    for column in changed:
        if re.search(rf"\b{re.escape(column)}\.", trees):
            message = (
                f"A condition by | or ~ names {column}, which is changed: read the keys first."
            )
            raise InvalidRequest(message, code="invalid_query")


def _simple(condition: str) -> tuple[str, str] | None:
    """Column and filter of what is no tree."""
    term = _TERM.fullmatch(condition)
    if term is None or term[1] in _OPTIONS:
        return None
    quoted = _QUOTED.fullmatch(term[3])
    operand = re.sub(r"\\(.)", r"\1", term[3][1:-1], flags=re.DOTALL) if quoted else term[3]
    return term[1], f"{term[2]}.{operand}"


def _written(value: object) -> str:
    return str(value) if isinstance(value, UUID) else _quoted(literal(value))


def _joined(word: str, conditions: Iterable[str]) -> str:
    found = tuple(conditions)
    return found[0] if len(found) == 1 else f"{word}({','.join(found)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
