"""A shop of which the server is a function, so that no test of a call needs a network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from orderbase import AsyncOrderbase

Handler = Callable[[httpx.Request], httpx.Response]
ShopOver = Callable[..., Awaitable[AsyncOrderbase]]


@pytest.fixture
async def shop_over() -> AsyncIterator[ShopOver]:
    """Makes a shop whose requests a handler answers."""
    async with AsyncExitStack() as open_shops:

        async def make(handler: Handler, *, retries: int = 0) -> AsyncOrderbase:
            http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
            await open_shops.enter_async_context(http)
            shop = AsyncOrderbase("http://shop.test/", "key", retries=retries, http=http)
            return await open_shops.enter_async_context(shop)

        yield make
