"""The place of a row in an ordered list, by its values: reading goes on right behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orderbase._filters import both, compared, either


@dataclass(frozen=True, slots=True)
class Key:
    """A column that a list is ordered by.

    Args:
        column: its name.
        descending: the largest come first.
        nulls_first: rows without a value come first.
        nullable: whether there may be such rows.
    """

    column: str
    descending: bool = False
    nulls_first: bool = False
    nullable: bool = False


def ordered(keys: Sequence[Key]) -> str:
    """The order, as PostgREST wants it said."""
    return ",".join(map(_direction, keys))


def behind(keys: Sequence[Key], values: Sequence[object]) -> str:
    """The condition that a row comes after the one that has these values.

    It begins with one on the first column alone, which lets an index skip what came before.
    """
    paths = [
        both([*map(_same, keys[:place], values), further])
        for place, key in enumerate(keys)
        for further in _further(key, values[place])
    ]
    condition = either(paths)
    if keys[0].nullable or len(keys) == 1:
        return condition
    return both([compared(keys[0].column, f"{_comparison(keys[0])}e", values[0]), condition])


def _direction(key: Key) -> str:
    direction = f"{key.column}.{'desc' if key.descending else 'asc'}"
    if not key.nullable or key.nulls_first == key.descending:  # which is the default
        return direction
    return f"{direction}.{'nullsfirst' if key.nulls_first else 'nullslast'}"


def _same(key: Key, value: object) -> str:
    return f"{key.column}.is.null" if value is None else compared(key.column, "eq", value)


def _further(key: Key, value: object) -> Iterator[str]:
    if value is not None:
        yield compared(key.column, _comparison(key), value)
        if key.nullable and not key.nulls_first:
            yield f"{key.column}.is.null"
    elif key.nulls_first:
        yield f"{key.column}.not.is.null"


def _comparison(key: Key) -> str:
    return "lt" if key.descending else "gt"
