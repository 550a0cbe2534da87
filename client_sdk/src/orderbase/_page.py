"""Long lists, page by page."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import index
from typing import TypeAlias, TypeVar, cast
from uuid import UUID

from orderbase import errors

T = TypeVar("T")

MAX_ROWS = 1000
"""Rows that the database gives at most at a time: of more, the rest would be missing silently."""

Key: TypeAlias = str | int | float | bool | None
"""A value of a cursor, as JSON has it."""


class Page(list[T]):
    """A part of a long list, and where it goes on.

    Attributes:
        next: the cursor of the next page, to be given as `after`; None on the last page. Behind
            a page of 1000, as many as the database gives, the next one may be empty. It is
            opaque, made of letters that a URL may have, and may be stored: it names a place
            between two things of the list, which stays where it is when others come and go.
    """

    def __init__(self, things: Iterable[T] = (), next: str | None = None) -> None:  # noqa: A002
        super().__init__(things)
        self.next = next


def check_limit(limit: int) -> None:
    """Refuse a page that would not come whole.

    Raises:
        InvalidRequest: "invalid_limit".
        TypeError: it is no whole number.
    """
    if not 1 <= index(limit) <= MAX_ROWS:
        raise errors.InvalidRequest(f"A page has 1 to {MAX_ROWS} rows.", code="invalid_limit")


def cut(things: list[T], limit: int) -> T | None:
    """Leave as many as were asked for; the last of them if others follow.

    One more than `limit` were read, where the database gives as many, to know that.
    """
    if len(things) <= limit and len(things) < MAX_ROWS:
        return None
    del things[limit:]
    return things[-1]


def page_of(
    things: list[T], limit: int, ordering: str, place: Callable[[T], Sequence[object]]
) -> Page[T]:
    """As many as were asked for, of one more that was read.

    Args:
        things: what was read.
        limit: how many were asked for.
        ordering: see `cursor`.
        place: the values that a thing has there.
    """
    last = cut(things, limit)
    return Page(things, None if last is None else cursor(ordering, place(last)))


def cursor(ordering: str, values: Sequence[object]) -> str:
    """The place just behind the thing with these values.

    Args:
        ordering: of which list, in which order: a cursor is good for no other.
        values: those that the list is ordered by.
    """
    content = json.dumps([ordering, *map(_key, values)], ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def values_of(after: str, ordering: str, count: int) -> list[Key]:
    """The values of a cursor.

    Raises:
        InvalidRequest: "invalid_cursor": it is none, or that of another list or order.
    """
    try:
        padded = after.encode("ascii") + b"=" * (-len(after) % 4)
        content: object = json.loads(b64decode(padded, b"-_", validate=True))
    except (ValueError, RecursionError):
        raise _refusal("This is not a cursor of this shop.") from None
    parts = cast(list[object], content) if isinstance(content, list) else []
    keys = [part for part in parts if isinstance(part, Key)]
    if parts[:1] == [ordering] and len(keys) == len(parts) == count + 1:
        return keys[1:]
    raise _refusal("This cursor is of another list, or of another order of this one.")


def _key(value: object) -> Key:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return cast(Key, value)


def _refusal(message: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(message, code="invalid_cursor")
