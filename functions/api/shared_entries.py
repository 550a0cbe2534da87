"""Cached products in Redis, which all processes share: what one forgets, all have forgotten."""

import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.api.product_entries import (
    Changes,
    EntriesUnavailable,
    Entry,
    Look,
    epoch_of,
    next_state,
)
from functions.kit.breaker import Breaker, BreakerOpen

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PREFIX = "orderbase:products:"
_STATE = _PREFIX + "state"
_CHECKED = _PREFIX + "checked"

_KEEP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
"""


class SharedEntries:
    """See `Entries`. After a failure, Redis is left alone for a second."""

    def __init__(self, redis: "Redis", seconds: float) -> None:
        """Entries are gone after `seconds` at the latest."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - only where there is a Redis

        self._redis = redis
        self._keep = redis.register_script(_KEEP)
        self._milliseconds = math.ceil(seconds * 1000)
        self._trouble = (RedisError, OSError, TimeoutError)
        self._breaker = Breaker(
            "redis", trouble=self._trouble, failures=1, cooldown=1, longest_cooldown=1
        )

    async def look(self, product_id: str) -> Look:
        """See `Entries`."""
        async with self._asking():
            found = await self._redis.mget(_STATE, _CHECKED, _PREFIX + product_id)
        state, checked, entry = found
        known = _state(state)
        return Look(known, checked is not None, _entry(entry, known))

    async def keep(self, product_id: str, entry: Entry, state: str) -> None:
        """See `Entries`."""
        text = json.dumps(
            {"epoch": epoch_of(state), "stored_at": entry.stored_at, "product": entry.product}
        )
        async with self._asking():
            keys = [_STATE, _PREFIX + product_id]
            await self._keep(keys=keys, args=[state, text, self._milliseconds])

    async def apply(self, changes: Changes, state: str | None, seconds: float) -> None:
        """See `Entries`.

        Of two processes that do this at once, the later one decides the state. If its position is
        the earlier one, some changes are told again, and none is lost: without changes the state
        is not written at all.
        """
        after = next_state(state, changes)
        milliseconds = math.floor(seconds * 1000)
        async with self._asking(), self._redis.pipeline(transaction=True) as pipeline:
            if after != state:
                pipeline.set(_STATE, after)
            if changes.product_ids:
                pipeline.delete(*(_PREFIX + product_id for product_id in changes.product_ids))
            if milliseconds > 0:
                pipeline.set(_CHECKED, 1, px=milliseconds)
            await pipeline.execute()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            with self._breaker.call():
                yield
        except (*self._trouble, BreakerOpen) as error:
            raise EntriesUnavailable from error


def _state(value: bytes | str | None) -> str | None:
    """None also for what others may have written there."""
    state = _text(value)
    return state if state.count("|") == 2 else None


def _entry(value: bytes | str | None, state: str | None) -> Entry | None:
    if value is None or state is None:
        return None
    try:
        known = json.loads(_text(value))
        is_current = known["epoch"] == epoch_of(state)
        return Entry(known["product"], known["stored_at"]) if is_current else None
    except (ValueError, TypeError, KeyError):
        return None


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
