"""Filters on changes: `column=operator.value`, several joined by commas, all of which must hold."""

import re
from dataclasses import dataclass

ORDINARY = frozenset({"eq", "neq", "lt", "lte", "gt", "gte", "in", "isdistinct"})
"""Operators that compare values of the column's own type."""
_PATTERNS = frozenset({"like", "ilike", "match", "imatch"})
_IS_WORDS = frozenset({"null", "true", "false", "unknown"})
_MAX_IN_VALUES = 100

_HEAD = re.compile(r"(?P<column>[^=,]+)=(?P<negated>not\.)?(?P<operator>[a-z]+)\.")
_QUOTED = r'"((?:\\.|[^"\\])*)"'
_VALUE = re.compile(rf"(?:{_QUOTED}|([^,]*))(?=,|$)", re.DOTALL)
_ITEM = re.compile(rf"(?:{_QUOTED}|([^,()\"]*))(?=,|\))", re.DOTALL)


class MalformedFilterError(Exception):
    """The text is not a filter; the message says where it stops being one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a column with a value (or, for `in`, with each of several)."""

    column: str
    operator: str
    negated: bool
    wanted: tuple[str, ...]

    @property
    def is_equality(self) -> bool:
        return self.operator in {"eq", "in"} and not self.negated


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions of a filter, none for an empty text.

    Raises:
        MalformedFilterError: unknown operator, unbalanced quotes, or no filter at all.
    """
    conditions, at = [], 0
    while at < len(text):
        condition, at = _condition(text, at)
        conditions.append(condition)
        if text[at:] == ",":
            raise MalformedFilterError("the filter ends with a comma")
        at += 1
    return tuple(conditions)


def _condition(text: str, at: int) -> tuple[Condition, int]:
    head = _HEAD.match(text, at)
    if not head:
        raise MalformedFilterError(f"expected column=operator.value at {text[at:]!r}")
    operator = head["operator"]
    if operator not in ORDINARY | _PATTERNS | {"is"}:
        raise MalformedFilterError(f"unknown filter operator {operator!r}")
    wanted, at = _list(text, head.end()) if operator == "in" else _scalar(text, head.end())
    if operator == "is" and wanted[0] not in _IS_WORDS:
        raise MalformedFilterError(f"is.{wanted[0]} is not one of {', '.join(sorted(_IS_WORDS))}")
    return Condition(head["column"].strip(), operator, bool(head["negated"]), wanted), at


def _scalar(text: str, at: int) -> tuple[tuple[str, ...], int]:
    value = _VALUE.match(text, at)
    if not value:
        raise MalformedFilterError(f"the quote is not closed in {text[at:]!r}")
    return (_content(value),), value.end()


def _list(text: str, at: int) -> tuple[tuple[str, ...], int]:
    if text[at : at + 1] != "(":
        raise MalformedFilterError(f"in needs a list such as (a,b), not {text[at:]!r}")
    values = []
    while text[at : at + 1] != ")":
        item = _ITEM.match(text, at + 1)
        if not item:
            raise MalformedFilterError(f"the list is not closed in {text[at:]!r}")
        values.append(_content(item))
        at = item.end()
    if len(values) > _MAX_IN_VALUES:
        raise MalformedFilterError(f"in takes at most {_MAX_IN_VALUES} values")
    if text[at + 1 : at + 2] not in {"", ","}:
        raise MalformedFilterError(f"expected a comma at {text[at + 1 :]!r}")
    return tuple(values), at + 1


def _content(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    return re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)
