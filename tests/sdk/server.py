"""A shop of which the server is a function, so that no test of a call needs a network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from orderbase import AsyncOrderbase

Handler = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def shop_over(handler: Handler, *, retries: int = 0) -> AsyncIterator[AsyncOrderbase]:
    """A shop whose requests `handler` answers, after others had their turn."""

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return handler(request)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http,
        AsyncOrderbase("http://shop.test/", "key", retries=retries, http=http) as shop,
    ):
        yield shop


def without_waiting(shop: AsyncOrderbase) -> list[float]:
    """Lets the shop retry at once; the list gets the seconds that it would have waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    shop.orders._sender._sleep = sleep
    return waits
