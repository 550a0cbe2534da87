"""Redis, where processes share what they count and cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PATIENCE_SECONDS = 0.25
"""It only helps: nobody waits longer for it than for the database."""


@asynccontextmanager
async def connect(url: SecretStr | None) -> AsyncIterator["Redis | None"]:
    """A client for as long as the context; it connects when it is first used."""
    if url is None:
        yield None
        return
    # Only deployments that share something need the package.
    from redis.asyncio import Redis  # noqa: PLC0415

    redis = Redis.from_url(
        url.get_secret_value(),
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
    )
    try:
        yield redis
    finally:
        await redis.aclose()
