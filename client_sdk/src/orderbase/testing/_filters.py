"""Filters of PostgREST as predicates on rows, with SQL's three values: true, false, unknown."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from orderbase.testing._refusals import rest_refusal, unknown
from orderbase.testing._store import Row
from orderbase.testing._words import matches

Predicate: TypeAlias = Callable[[Row], bool | None]

LOGIC = frozenset({"and", "or", "not.and", "not.or"})

_TREE = re.compile(r"(not\.)?(and|or)(\(.*\))", re.DOTALL)
_ANY_CASE = re.DOTALL | re.IGNORECASE
_TIMES = ("_at", "_until")


def condition(column: str, text: str, *, nested: bool = False) -> Predicate:
    """What a filter such as `status=not.in.(paid,shipped)` asks of a row.

    Within a tree, `nested`, values have quotes.

    Raises:
        Refusal: the fake does not know the filter.
    """
    if column in LOGIC:
        return _logic(f"{column}{text}")
    negated = text.startswith("not.")
    operator, dot, operand = text.removeprefix("not.").partition(".")
    if not dot:
        raise rest_refusal(400, "PGRST100", f"failed to parse filter ({text})")
    if nested and operator.partition("(")[0] != "in":
        operand = _unquoted(operand)
    found = _operator(column, operator, operand)
    return _negation(found) if negated else found


def value_of(row: Row, column: str) -> Any:  # noqa: ANN401 - whatever a column holds
    """What a row has in a column.

    Raises:
        Refusal: no table of the fake has this column.
    """
    if column not in row:
        raise unknown(f"the column {column}")
    return row[column]


def comparable(column: str, value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """A value in the order of its column's type."""
    if isinstance(value, str) and column.endswith(_TIMES):
        return datetime.fromisoformat(value)
    return value


def split(text: str) -> list[str]:
    """What commas part, except within parentheses and quotes."""
    parts, depth, start = list[str](), 0, 0
    quoted = escaped = False
    for place, letter in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif not quoted:
            depth += (letter == "(") - (letter == ")")
            if letter == "," and depth == 0:
                parts.append(text[start:place])
                start = place + 1
    return [*parts, text[start:]] if text else []


def _logic(text: str) -> Predicate:
    found = _TREE.fullmatch(text)
    if found is None:
        raise rest_refusal(400, "PGRST100", f"failed to parse logic tree ({text})")
    terms = [_term(term) for term in split(found[3][1:-1])]
    joined = _all(terms) if found[2] == "and" else _negation(_all([*map(_negation, terms)]))
    return _negation(joined) if found[1] else joined


def _term(text: str) -> Predicate:
    if _TREE.fullmatch(text):
        return _logic(text)
    column, _, filter_ = text.partition(".")
    return condition(column, filter_, nested=True)


def _all(terms: Sequence[Predicate]) -> Predicate:
    def holds(row: Row) -> bool | None:
        answers = [term(row) for term in terms]
        return False if False in answers else None if None in answers else True

    return holds


def _negation(term: Predicate) -> Predicate:
    def holds(row: Row) -> bool | None:
        answer = term(row)
        return None if answer is None else not answer

    return holds


def _operator(column: str, operator: str, operand: str) -> Predicate:
    name, _, language = operator.partition("(")
    if name == "is":
        wanted = {"null": None, "true": True, "false": False}
        if operand not in wanted:
            raise unknown(f"the filter is.{operand}")
        return lambda row: value_of(row, column) is wanted[operand]
    if name == "wfts" and language in ("", "english)"):
        return lambda row: matches(_searched(row, column), operand)
    if name == "in":
        choices = [_unquoted(choice) for choice in split(operand[1:-1])]
        return _known(column, lambda value: any(value == _like(column, value, c) for c in choices))
    if name not in _COMPARISONS:
        raise unknown(f"the filter {name}")
    compare = _COMPARISONS[name]
    return _known(column, lambda value: compare(value, _like(column, value, operand)))


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "like": lambda left, right: _found(_pattern(right), left, re.DOTALL),
    "ilike": lambda left, right: _found(_pattern(right), left, _ANY_CASE),
    "match": lambda left, right: _found(right, left, 0),
    "imatch": lambda left, right: _found(right, left, re.IGNORECASE),
}


def _pattern(like: str) -> str:
    """A regular expression for a pattern of LIKE, in which PostgREST takes stars, too."""
    parts: list[str] = re.findall(r"\\.|.", like, re.DOTALL)
    wild = {"%": ".*", "*": ".*", "_": "."}
    regex = "".join(wild.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return rf"\A{regex}\Z"


def _found(pattern: str, text: str, flags: int) -> bool:
    return re.search(pattern, text, flags) is not None


def _known(column: str, test: Callable[[Any], bool]) -> Predicate:
    """SQL knows nothing of null."""

    def holds(row: Row) -> bool | None:
        value = value_of(row, column)
        return None if value is None else test(comparable(column, value))

    return holds


def _like(column: str, value: object, text: str) -> Any:  # noqa: ANN401 - whatever a column holds
    """What a filter names, as the type of the column's value."""
    try:
        if isinstance(value, bool):
            return text == "true"
        if isinstance(value, int):
            return int(text)
        return comparable(column, text)
    except ValueError:
        message = f'invalid input syntax for the type of "{column}"'
        raise rest_refusal(400, "22P02", message) from None


def _searched(row: Row, column: str) -> str:
    if column != "search":
        raise unknown(f"a search in the column {column}")
    return f"{row['name']} {row['description']}"


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text
