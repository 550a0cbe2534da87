"""Sending calls: as whom, and how often."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from orderbase import errors
from orderbase._auth import AsyncAuth
from orderbase._call import Call

T = TypeVar("T")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_EXPIRED = frozenset({"PGRST301", "PGRST303"})  # PostgREST before and since version 13


def backoff(attempt: int, first: float = _FIRST_DELAY, longest: float = _LONGEST_DELAY) -> float:
    """Seconds to wait after failure number `attempt` (from 0): doubling, with jitter."""
    return min(first * 2.0 ** min(attempt, 30), longest) * random.uniform(0.5, 1.0)  # noqa: S311


class AsyncSender:
    """Sends calls over one shared HTTP client, as whoever is signed in."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        auth: AsyncAuth,
        *,
        url: str,
        key: str,
        retries: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._auth = auth
        self._url = url
        self._key = key
        self._retries = retries
        self._sleep = sleep

    async def send(self, call: Call[T]) -> T:
        """The result of a call, tried again after passing failures.

        Raises:
            OrderbaseError: refused, or still failing after the last attempt.
        """
        attempt = 0
        while True:
            try:
                return await self._send_once(call)
            except errors.OrderbaseError as error:
                error.idempotency_key = call.idempotency_key
                delay = backoff(attempt) if error.retry_after is None else error.retry_after
                if attempt == self._retries or not error.may_pass or delay > _LONGEST_DELAY:
                    raise
            await self._sleep(delay)
            attempt += 1

    async def _send_once(self, call: Call[T]) -> T:
        token = await self._auth.token()
        try:
            return await self._send_as(token, call)
        except errors.AuthError as error:
            if token is None or error.code not in _EXPIRED:
                raise
        # By this machine's clock, which is behind, the token was still good.
        return await self._send_as(await self._auth.token(rejected=token), call)

    async def _send_as(self, token: str | None, call: Call[T]) -> T:
        headers = {"apikey": self._key, "authorization": f"Bearer {token or self._key}"}
        request = call.request(self._http, self._url, headers)
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            raise errors.from_transport(error) from error
        return call.read(response)
