"""Sending calls: as whom, how often, and for how long."""

import asyncio
import platform
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from weakref import WeakSet

from orderbase import errors
from orderbase._call import Call
from orderbase._http import Transport
from orderbase._version import VERSION

T = TypeVar("T")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_EXPIRED = frozenset({"bad_jwt", "session_expired"})
_AGENT = f"orderbase-python/{VERSION} python/{platform.python_version()}"


def backoff(attempt: int, first: float = _FIRST_DELAY, longest: float = _LONGEST_DELAY) -> float:
    """Seconds to wait after failure number `attempt` (from 0): doubling, with jitter."""
    return min(first * 2.0 ** min(attempt, 30), longest) * random.uniform(0.5, 1.0)  # noqa: S311


class Identity(Protocol):
    """Whoever calls."""

    async def token(self, *, rejected: str | None = None) -> str | None:
        """The token to call with, but not the one that the server has `rejected`, if possible."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for an attempt, seconds for all of them, and how many may follow the first."""

    timeout: float
    deadline: float
    retries: int


class Closable(Protocol):
    """What ends when its client is closed."""

    async def aclose(self) -> None:
        """End it."""
        ...


class Sender:
    """Sends calls to one project, until it is closed."""

    def __init__(
        self,
        transport: Transport,
        *,
        url: str,
        key: str,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = url
        self.key = key
        self.transport = transport
        self._patience = patience
        self._sleep = sleep
        self._closed = False
        self._open: WeakSet[Closable] = WeakSet()

    async def send(self, call: Call[T], caller: Identity, *, retries: int | None = None) -> T:
        """The result of a call, tried again after passing failures.

        Raises:
            OrderbaseError: refused, or still failing after the last attempt.
            RuntimeError: it is closed.
        """
        retries = self._patience.retries if retries is None else retries
        clock = asyncio.get_running_loop().time
        deadline = clock() + max(self._patience.deadline, call.takes)
        attempt = 0
        while True:
            try:
                return await self._attempt(call, caller, deadline - clock())
            except errors.OrderbaseError as error:
                error.idempotency_key = call.idempotency_key
                delay = backoff(attempt) if error.retry_after is None else error.retry_after
                too_long = delay > _LONGEST_DELAY or clock() + delay >= deadline
                if attempt >= retries or too_long or not _may_repeat(call, error):
                    raise
            await self._sleep(delay)
            attempt += 1

    def check(self) -> None:
        """Go on if it is not closed.

        Raises:
            RuntimeError: it is.
        """
        if self._closed:
            raise RuntimeError("This client is closed.")

    def closes(self, used: Closable) -> None:
        """Close `used` before the connections, if it is still in use then."""
        self.check()
        self._open.add(used)

    async def aclose(self) -> None:
        """Close the connections. Nothing is sent any more."""
        self._closed = True
        for used in tuple(self._open):
            await used.aclose()
        await self.transport.aclose()

    async def _attempt(self, call: Call[T], caller: Identity, left: float) -> T:
        seconds = min(max(self._patience.timeout, call.takes), left)
        try:
            async with asyncio.timeout(seconds):
                return await self._send_once(call, caller)
        except TimeoutError as error:
            raise errors.TimedOut(f"There was no answer within {seconds:.3g} seconds.") from error

    async def _send_once(self, call: Call[T], caller: Identity) -> T:
        token = await caller.token()
        try:
            return await self._send_as(token, call)
        except errors.AuthError as error:
            if token is None or error.code not in _EXPIRED:
                raise
            # By this machine's clock, which is behind, the token was still good.
            renewed = await caller.token(rejected=token)
            if renewed == token:
                raise
        return await self._send_as(renewed, call)

    async def _send_as(self, token: str | None, call: Call[T]) -> T:
        headers = {
            "apikey": self.key,
            "authorization": f"Bearer {token or self.key}",
            "x-client-info": _AGENT,
        }
        self.check()
        response = await self.transport.send(call.request(self.url, headers))
        return call.read(response)


def _may_repeat(call: Call[T], error: errors.OrderbaseError) -> bool:
    """Whether a second attempt may succeed, and cannot do twice what the first has done."""
    return error.may_pass and (call.repeatable or isinstance(error, errors.RateLimited))
