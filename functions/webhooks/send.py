"""Delivering webhooks over HTTP: one POST, no redirects, and an outcome whatever happens."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from functions.kit.queue import Job, Outcome
from functions.webhooks.answer import excerpt, retry_after
from functions.webhooks.connections import AddressRefused, connector, rule
from functions.webhooks.metrics import DELIVERIES
from functions.webhooks.request import UrlRefused, headers, target

_SECONDS = 20.0
_READ_BUFFER = 4096
_SUCCESS = range(200, 300)

_ERRORS: tuple[tuple[type[BaseException], str], ...] = (
    (UrlRefused, "url_refused"),
    (aiohttp.InvalidURL, "url_refused"),
    (aiohttp.ClientConnectorDNSError, "unknown_host"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (TimeoutError, "timed_out"),
    (aiohttp.ClientConnectorError, "not_connected"),
    (aiohttp.ClientError, "no_answer"),
    (OSError, "no_answer"),
)
"""Codes by what was raised, the first that fits."""


class Sender:
    """Sends deliveries, over connections that are used again."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        allow_loopback: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`session` decides whom it connects to; `clock` tells seconds since 1970."""
        self._session = session
        self._allow_loopback = allow_loopback
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        allow_loopback: bool = False,
        seconds: float = _SECONDS,
        resolver: AbstractResolver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> AsyncIterator["Sender"]:
        """A sender whose connections live as long as the context.

        An attempt has so many `seconds`, from looking the name up to the end of the answer.
        """
        async with aiohttp.ClientSession(
            connector=connector(rule(allow_loopback=allow_loopback), resolver),
            timeout=aiohttp.ClientTimeout(total=seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            trust_env=False,
        ) as session:
            yield cls(session, allow_loopback=allow_loopback, clock=clock)

    async def deliver(self, job: Job) -> Outcome:
        """Send once: delivered, or failed with the status or the code of what went wrong."""
        begun = time.monotonic()
        try:
            url = target(job["url"], allow_loopback=self._allow_loopback)
            outcome = await self._post(url, job)
        except (aiohttp.ClientError, UrlRefused, OSError) as error:
            outcome = Outcome("failed", error=_code(error))
        DELIVERIES.labels(outcome.error or _result(outcome)).inc()
        milliseconds = round((time.monotonic() - begun) * 1000)
        data = {**outcome.data, "milliseconds": milliseconds}
        return Outcome(outcome.status, data, outcome.error)

    async def _post(self, url: URL, job: Job) -> Outcome:
        body = job["body"].encode()
        signed = headers(job, body, self._clock())
        async with self._session.post(
            url, data=body, headers=signed, allow_redirects=False
        ) as response:
            status = response.status
            data = {
                "status_code": status,
                "retry_after": retry_after(response.headers.get("Retry-After"), self._clock()),
                "response": await excerpt(response),
            }
            return Outcome("delivered" if status in _SUCCESS else "failed", data)


def _code(error: BaseException) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, AddressRefused):
        return "address_refused"
    return next(code for kind, code in _ERRORS if isinstance(error, kind))


def _result(outcome: Outcome) -> str:
    return "delivered" if outcome.status == "delivered" else "answered_no"
