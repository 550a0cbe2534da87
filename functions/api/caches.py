"""Where the product cache keeps its entries: in Redis, if there is one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.api.product_cache import STALE_SECONDS, ProductCache
from functions.api.product_entries import Entries, OwnEntries
from functions.api.settings import ApiSettings
from functions.api.shared_entries import SharedEntries
from functions.kit.database import Database

if TYPE_CHECKING:
    from redis.asyncio import Redis

_MOST_ENTRIES = 10_000


@asynccontextmanager
async def open_product_cache(
    settings: ApiSettings, database: Database, redis: "Redis | None"
) -> AsyncIterator[ProductCache]:
    """A cache for as long as the context: in Redis if there is one, else of this process alone."""
    longest = settings.product_cache_seconds + STALE_SECONDS
    entries: Entries = SharedEntries(redis, longest) if redis else OwnEntries(_MOST_ENTRIES)
    cache = ProductCache(
        database,
        entries,
        fresh_seconds=settings.product_cache_seconds,
        check_seconds=settings.product_check_seconds,
    )
    try:
        yield cache
    finally:
        await cache.close()
