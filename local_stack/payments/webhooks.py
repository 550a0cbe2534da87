"""Webhooks out: signed as Stripe signs them, retried a few times, kept over a restart."""

import asyncio
import hmac
import logging
import sqlite3
import time
from collections.abc import Sequence

import aiohttp

from local_stack.payments.ledger import Ledger

RETRY_SECONDS = (1, 5, 30, 120)
"""The waits after the first, second, … failed attempt; after the last, the event is given up."""

_LOG = logging.getLogger(__name__)
_AT_ONCE = 16
_IDLE_SECONDS = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def sign(payload: str, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a payload."""
    message = f"{timestamp}.{payload}".encode()
    return f"t={timestamp},v1={hmac.digest(secret.encode(), message, 'sha256').hex()}"


class Webhooks:
    """Delivers the ledger's events to one endpoint, at least once, in no promised order."""

    def __init__(
        self, ledger: Ledger, url: str, secret: str, retry_seconds: Sequence[float] = RETRY_SECONDS
    ) -> None:
        self._ledger = ledger
        self._url = url
        self._secret = secret
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                try:
                    await self._deliver_due(session)
                except sqlite3.Error:
                    _LOG.exception("webhooks wait for the ledger")
                await asyncio.sleep(_IDLE_SECONDS)

    async def _deliver_due(self, session: aiohttp.ClientSession) -> None:
        while due := self._ledger.due(time.time(), _AT_ONCE):
            await asyncio.gather(*(self._deliver(session, *event) for event in due))

    async def _deliver(
        self, session: aiohttp.ClientSession, event: str, attempts: int, payload: str
    ) -> None:
        now = time.time()
        delivered = await self._post(session, payload, int(now))
        retry = None
        if not delivered and attempts < len(self._retry_seconds):
            retry = now + self._retry_seconds[attempts]
        self._ledger.settle(
            event, attempts=attempts + 1, due=retry, delivered_at=now if delivered else None
        )

    async def _post(self, session: aiohttp.ClientSession, payload: str, now: int) -> bool:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, self._secret, now),
        }
        try:
            async with session.post(
                self._url, data=payload.encode(), headers=headers, allow_redirects=False
            ) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False
