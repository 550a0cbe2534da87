"""Products from a cache that knows of every change: what was edited is read anew.

Changes are told by the database, from a position on. They are asked for before an answer if nobody
has done so for a second, and at once on a hint or for a caller who insists; one small read is for
all products and all who wait. So a lost hint costs a second at most, and no edit is ever missed.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from functions.api.product_entries import (
    Changes,
    Entries,
    EntriesUnavailable,
    Entry,
    Look,
    position_of,
)
from functions.api.single_flight import SingleFlight
from functions.kit.batching import Batcher
from functions.kit.breaker import Breaker, BreakerOpen
from functions.kit.database import Database, DatabaseError
from functions.kit.webhooks import Webhook

CHANGES = "product_changes"
"""Where hints of changes come in."""
STALE_SECONDS = 3600
"""How much older than fresh an entry may be answered, while it is read anew."""

_LOG = logging.getLogger(__name__)
_PATIENCE_SECONDS = 2.0
_MOST_MISSING = 10_000
_NOTHING = Look(None, is_checked=False, entry=None)


class Cached(StrEnum):
    """What `X-Cache` says."""

    HIT = "HIT"
    STALE = "STALE"
    """Too old, and being read anew; or nobody can be asked whether it still holds."""
    MISS = "MISS"


@dataclass(frozen=True)
class Found:
    """An answer; without an entry there is no such product."""

    entry: Entry | None
    cached: Cached
    age: float = 0.0
    """Seconds since it was read from the database."""


async def _let_through() -> None:
    pass


class ProductCache:
    """Of one process; what it has cached may be shared with others."""

    def __init__(
        self,
        database: Database,
        entries: Entries,
        *,
        fresh_seconds: float,
        check_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`check_seconds`: how long an edit may stay unseen without a hint; 0: not at all.

        `fresh_seconds` 0 switches the cache off. `clock` tells seconds since 1970.
        """
        self._database = database
        self._entries = entries
        self._fresh = fresh_seconds
        self._check_seconds = check_seconds
        self._clock = clock
        self._checks: Batcher[bool, None] = Batcher(self._check)
        self._trouble = Breaker(
            "product changes",
            trouble=(DatabaseError, TimeoutError),
            failures=1,
            cooldown=1,
            longest_cooldown=1,
        )
        self._flights: SingleFlight[tuple[str, str], Entry | None] = SingleFlight()
        self._missing: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def find(
        self,
        product_id: str,
        *,
        insists: bool = False,
        admit: Callable[[], Awaitable[None]] = _let_through,
    ) -> Found:
        """The product as it is now, or was moments ago.

        Args:
            product_id: a UUID in lower case.
            insists: it must not be older than this call.
            admit: called before the database is asked in this caller's name; may raise.

        Raises:
            DatabaseError: it has to be read, and cannot be.
        """
        if insists:
            await admit()
            admit = _let_through
        look, is_sure = await self._look(product_id, insists)
        if look.state is None or (insists and not is_sure):
            await admit()
            return Found(await self._read(product_id), Cached.MISS)
        found = self._known(product_id, look, is_sure=is_sure)
        # Who has seen another state of the catalogue does not join: the read may be older.
        key, read = (product_id, look.state), partial(self._read_and_keep, product_id, look.state)
        if found is None:
            await admit()
            return Found(await self._flights.join(key, read), Cached.MISS)
        if found.cached is Cached.STALE and is_sure:
            self._flights.start(key, read)
        return found

    async def peek(self, product_id: str) -> Found | None:
        """A product, if it is a hit and nobody has to be asked for it."""
        try:
            look = await self._entries.look(product_id)
        except EntriesUnavailable:
            return None
        if look.entry is None or look.state is None or not look.is_checked:
            return None
        found = self._known(product_id, look, is_sure=True)
        return found if found and found.entry and found.cached is Cached.HIT else None

    async def hear(self, webhook: Webhook, headers: Mapping[str, str], body: bytes) -> None:
        """Take a hint that something has changed.

        Raises:
            WebhookRefused: it is not the database's.
            DatabaseError: the changes cannot be asked for.
        """
        webhook.verify(headers, body)
        try:
            await self._checks.submit(True)
        except EntriesUnavailable:
            _LOG.warning("changed products are forgotten once the cache answers")

    async def refresh(self) -> None:
        """See the changes up to now, as whoever has just made one wants to; or else a little later.

        Never fails: what has been edited is edited.
        """
        if not self._fresh:
            return
        try:
            await self._has_checked(insists=True)
        except EntriesUnavailable:
            _LOG.warning("changed products are forgotten once the cache answers")

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._flights.close()

    async def _look(self, product_id: str, insists: bool) -> tuple[Look, bool]:
        """What is known, and whether it holds as far as anybody can say."""
        if not self._fresh:
            return _NOTHING, False
        try:
            look = await self._entries.look(product_id)
            if look.state and look.is_checked and not insists:
                return look, True
            if not await self._has_checked(insists):
                return look, False
            return await self._entries.look(product_id), True
        except EntriesUnavailable:
            return _NOTHING, False

    async def _has_checked(self, insists: bool) -> bool:
        try:
            with self._trouble.call():
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._checks.submit(insists)
        except (DatabaseError, TimeoutError, BreakerOpen):
            return False
        return True

    async def _check(self, insisting: Sequence[bool]) -> Sequence[None]:
        """Ask what has changed; unless somebody insists, only if nobody has just done it."""
        look = await self._entries.look("")
        if any(insisting) or not look.is_checked or look.state is None:
            begun = self._clock()
            [row] = await self._database.call(
                "product_changes", {"position": position_of(look.state)}
            )
            changes = Changes(row["position"], row["product_ids"], row["all"])
            seconds = self._check_seconds - max(0.0, self._clock() - begun)
            await self._entries.apply(changes, look.state, seconds)
        return [None] * len(insisting)

    def _known(self, product_id: str, look: Look, *, is_sure: bool) -> Found | None:
        """What can be answered without reading it."""
        entry = look.entry
        missing_in, missing_since = self._missing.get(product_id, (None, 0.0))
        if missing_in == look.state:
            entry, since = None, missing_since
        elif entry:
            since = entry.stored_at
        else:
            return None
        age = max(0.0, self._clock() - since)
        if age >= self._fresh + STALE_SECONDS:
            return None
        is_fresh = is_sure and age < self._fresh
        return Found(entry, Cached.HIT if is_fresh else Cached.STALE, age)

    async def _read_and_keep(self, product_id: str, state: str) -> Entry | None:
        entry = await self._read(product_id)
        if entry is None:
            self._missing[product_id] = (state, self._clock())
            self._missing.move_to_end(product_id)
            if len(self._missing) > _MOST_MISSING:
                self._missing.popitem(last=False)
            return None
        try:
            await self._entries.keep(product_id, entry, state)
        except EntriesUnavailable:
            _LOG.debug("a product was not cached")
        return entry

    async def _read(self, product_id: str) -> Entry | None:
        at = self._clock()
        rows = await self._database.call("read_product", {"product_id": product_id})
        return Entry(rows[0], at) if rows else None
