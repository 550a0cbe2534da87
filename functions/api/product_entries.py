"""Where products are cached, and what keeps an outdated one from getting there.

The state is one text, which changes whenever anything changes in the catalogue: who reads a product
from the database keeps it only if the state is still what it was before.
"""

import json
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from functions.kit.database import Row

_MOST_BYTES = 64 * 1024 * 1024
_BYTES_PER_CHARACTER = 8
"""Of the product as JSON: for its objects, and for the few bodies that are rendered of it."""


@dataclass(frozen=True)
class Entry:
    """A cached product."""

    product: Row
    """As `engine.read_product` tells it."""
    stored_at: float
    """Seconds since 1970."""
    rendered: dict[str | None, tuple[bytes, str]] = field(default_factory=dict, compare=False)
    """Bodies and their tags by market, for who answers them more than once."""

    @cached_property
    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return _BYTES_PER_CHARACTER * len(json.dumps(self.product))


@dataclass(frozen=True)
class Look:
    """What is known at one moment."""

    state: str | None
    """None: nothing is known of the catalogue, and no entry counts."""
    is_checked: bool
    """Whether somebody has just asked the database what has changed."""
    entry: Entry | None


@dataclass(frozen=True)
class Changes:
    """Of the catalogue, since some position."""

    position: str
    product_ids: Sequence[str]
    all_products: bool
    """Any product may have changed."""


class EntriesUnavailable(Exception):  # noqa: N818 - says what happened
    """The cache does not answer."""


class Entries(Protocol):
    """A cache of products. Every method may raise `EntriesUnavailable`."""

    async def look(self, product_id: str) -> Look:
        """What is known of a product."""

    async def keep(self, product_id: str, entry: Entry, state: str) -> None:
        """Add an entry, unless the state is another one by now."""

    async def apply(self, changes: Changes, state: str | None, seconds: float) -> None:
        """Forget what changed since the position of `state`; that much was checked for `seconds`.

        All at once: nobody sees the new state beside an old entry.
        """


def position_of(state: str | None) -> str | None:
    """The position in the changes that a state has come to."""
    return state.split("|")[2] if state else None


def epoch_of(state: str) -> str:
    """Entries of other epochs do not count."""
    return state.partition("|")[0]


def next_state(state: str | None, changes: Changes) -> str:
    """The state after these changes: the same if there are none."""
    if state and not (changes.all_products or changes.product_ids):
        return state
    epoch = epoch_of(state) if state and not changes.all_products else uuid.uuid4().hex
    return f"{epoch}|{uuid.uuid4().hex}|{changes.position}"


class OwnEntries:
    """Those of this process: when they are too many, those unused for longest are forgotten."""

    def __init__(
        self, most: int, most_bytes: int = _MOST_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` tells seconds since 1970, and goes on while the process is frozen."""
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._state: str | None = None
        self._checked_at = 0.0
        self._checked_seconds = 0.0

    async def look(self, product_id: str) -> Look:
        """See `Entries`."""
        entry = self._entries.get(product_id)
        if entry:
            self._entries.move_to_end(product_id)
        # A clock that was set back does not make a check last longer.
        is_checked = 0 <= self._clock() - self._checked_at < self._checked_seconds
        return Look(self._state, is_checked, entry)

    async def keep(self, product_id: str, entry: Entry, state: str) -> None:
        """See `Entries`."""
        if state != self._state:
            return
        self._forget(product_id)
        self._entries[product_id] = entry
        self._bytes += entry.size
        while len(self._entries) > self._most or self._bytes > self._most_bytes:
            self._forget(next(iter(self._entries)))

    async def apply(self, changes: Changes, state: str | None, seconds: float) -> None:
        """See `Entries`."""
        if state is None or changes.all_products:
            self._entries.clear()
            self._bytes = 0
        for product_id in changes.product_ids:
            self._forget(product_id)
        self._state = next_state(state, changes)
        self._checked_at, self._checked_seconds = self._clock(), seconds

    def _forget(self, product_id: str) -> None:
        if entry := self._entries.pop(product_id, None):
            self._bytes -= entry.size
