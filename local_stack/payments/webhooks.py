"""Webhooks out: signed as Stripe signs them, retried a few times, kept over a restart."""

import asyncio
import contextlib
import hmac
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

import aiohttp

from local_stack.payments.commits import Commits
from local_stack.payments.ledger import Ledger

RETRY_SECONDS = (1, 5, 30, 120)
"""The waits after the first, second, … failed attempt; after the last, the event is given up."""

_LOG = logging.getLogger(__name__)
_AT_ONCE = 64
_POLL_SECONDS = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def sign(payload: str, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a payload."""
    message = f"{timestamp}.{payload}".encode()
    return f"t={timestamp},v1={hmac.digest(secret.encode(), message, 'sha256').hex()}"


class Endpoint:
    """Where events go, and how they are signed."""

    def __init__(self, url: str, secret: str, clock: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock

    async def takes(self, session: aiohttp.ClientSession, payload: str) -> bool:
        """Send an event; whether it was taken."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, self._secret, int(self._clock())),
        }
        try:
            async with session.post(
                self._url, data=payload.encode(), headers=headers, allow_redirects=False
            ) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False


class Webhooks:
    """Delivers the ledger's events, at least once, in no promised order, none waiting for another.

    What is on its way when the process ends is still due in the ledger, and is sent again.
    """

    def __init__(
        self,
        ledger: Ledger,
        commits: Commits,
        endpoint: Endpoint,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._commits = commits
        self._endpoint = endpoint
        self._retry_seconds = retry_seconds
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        commits.listener = self._changed.set

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with aiohttp.ClientSession(
            timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=_AT_ONCE)
        ) as session:
            try:
                while True:
                    await self._deliver_due(session)
            finally:
                for task in self._under_way.values():
                    task.cancel()
                await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _deliver_due(self, session: aiohttp.ClientSession) -> None:
        """Start what may be started, and wait until there may be more."""
        self._changed.clear()
        wait: float | None = _POLL_SECONDS
        try:
            self._start_due(session)
            wait = wait if self._ledger.next_delivery() is not None else None
        except sqlite3.Error:
            _LOG.exception("webhooks wait for the ledger")
        # wait_for would lose a cancellation that comes together with a change.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()

    def _start_due(self, session: aiohttp.ClientSession) -> None:
        for event, attempts, payload in self._ledger.deliveries(time.time(), _AT_ONCE):
            if event not in self._under_way and len(self._under_way) < _AT_ONCE:
                task = asyncio.create_task(self._deliver(session, event, attempts, payload))
                self._under_way[event] = task

    async def _deliver(
        self, session: aiohttp.ClientSession, event: str, attempts: int, payload: str
    ) -> None:
        try:
            taken = await self._endpoint.takes(session, payload)
            await self._commits.run(lambda: self._settle(event, attempts, taken=taken))
        except sqlite3.Error:
            _LOG.exception("the delivery of %s is not recorded, and is made again", event)
        finally:
            del self._under_way[event]
            self._changed.set()

    def _settle(self, event: str, attempts: int, *, taken: bool) -> None:
        now = time.time()
        retry = None
        if not taken and attempts < len(self._retry_seconds):
            retry = now + self._retry_seconds[attempts]
        self._ledger.settle(
            event, attempts=attempts + 1, due=retry, delivered_at=now if taken else None
        )
