"""A server that is a function, so that no test of a call needs a network."""

import asyncio
from collections.abc import Callable

import httpx

from orderbase import AsyncOrderbase, ConnectionFailed, Request, Response
from orderbase._send import Sender

Handler = Callable[[httpx.Request], httpx.Response]


class HandlerTransport:
    """Lets a function answer; it raises a time-out for none, and another error for a lost line."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        try:
            answer = self._handler(
                httpx.Request(
                    request.method, request.url, headers=request.headers, content=request.content
                )
            )
        except httpx.TimeoutException:
            await asyncio.Event().wait()
            raise
        except httpx.HTTPError as error:
            raise ConnectionFailed(str(error)) from error
        return Response(answer.status_code, answer.content, answer.headers)

    async def aclose(self) -> None:
        """Nothing was opened."""


def sender_of(shop: AsyncOrderbase) -> Sender:
    """What sends the calls of a client of either kind."""
    blocking = getattr(shop, "blocking", None)
    return shop._sender if blocking is None else blocking._async._sender


def without_waiting(shop: AsyncOrderbase) -> list[float]:
    """Lets the shop retry at once; the list gets the seconds that it would have waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    sender_of(shop)._sleep = sleep
    return waits
