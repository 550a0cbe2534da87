"""The worker of our pg_net: sends the requests that SQL has queued, once, after their commit.

It keeps the real one's faults, because callers must live with them: a request is gone from the
queue before it is sent, nothing is sent twice, and a restart loses what is on its way.
"""

import asyncio
import json
import logging
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple, dataclass

import aiohttp
import psycopg
from psycopg.rows import class_row

from local_stack import extension_worker
from local_stack.settings import Settings

BATCH_SIZE = 200
MAX_IN_FLIGHT = 400
MAX_REPLY_BYTES = 1_000_000
MAX_REDIRECTS = 30
_POLL_SECONDS = 0.05
_PRUNE_SECONDS = 60
_USER_AGENT = "pg_net/0.19.5"

_TAKE = """
  delete from net.http_request_queue
  where id in (select id from net.http_request_queue order by id limit %s)
  returning id, method::text, url, headers, body, timeout_milliseconds
"""
_STORE = """
  insert into net._http_response
    (id, status_code, content_type, headers, content, timed_out, error_msg)
  values (%s, %s, %s, %s, %s, %s, %s)
"""
_PRUNE = "delete from net._http_response where created < now() - interval '6 hours'"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    id: int
    method: str
    url: str
    headers: object
    """Any JSON value: only SQL's functions make sure that it is an object."""
    body: bytes | None
    timeout_milliseconds: int


@dataclass(frozen=True)
class _Reply:
    """One row of net._http_response."""

    id: int
    status_code: int | None = None
    content_type: str | None = None
    headers: str | None = None
    content: str | None = None
    timed_out: bool = False
    error_msg: str | None = None

    def row(self) -> list[object]:
        """The columns in order, every text such as Postgres can keep."""
        return [_storable(value) if isinstance(value, str) else value for value in astuple(self)]


def serve(settings: Settings) -> AbstractAsyncContextManager[None]:
    """Send what is queued while the context is open; see `extension_worker.serve`."""

    async def work(connection: psycopg.AsyncConnection, sending: asyncio.TaskGroup) -> None:
        async with _http_session() as session:
            await _Worker(connection, session, sending).work()

    return extension_worker.serve(settings, "pg_net", "net.http_request_queue", work)


def _http_session() -> aiohttp.ClientSession:
    """As libcurl in pg_net: no cookies, no decoding, connections without number."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"User-Agent": _USER_AGENT},
        skip_auto_headers=["Accept-Encoding", "Content-Type"],
        auto_decompress=False,
    )


class _Worker:
    """Takes, sends and answers requests until the connection breaks."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection,
        session: aiohttp.ClientSession,
        sending: asyncio.TaskGroup,
    ) -> None:
        self._connection = connection
        self._session = session
        self._sending = sending
        self._in_flight = 0
        self._replies: list[_Reply] = []
        self._next_pruning = 0.0

    async def work(self) -> None:
        while True:
            await self._prune()
            await self._store_replies()
            requests = await self._take()
            for request in requests:
                self._in_flight += 1
                self._sending.create_task(self._deliver(request))
            if len(requests) < BATCH_SIZE:
                await asyncio.sleep(_POLL_SECONDS)

    async def _take(self) -> list[_Request]:
        limit = min(BATCH_SIZE, MAX_IN_FLIGHT - self._in_flight)
        async with self._connection.cursor(row_factory=class_row(_Request)) as cursor:
            await cursor.execute(_TAKE, (limit,))
            return await cursor.fetchall()

    async def _store_replies(self) -> None:
        if not self._replies:
            return
        replies, self._replies = self._replies, []
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await cursor.executemany(_STORE, [reply.row() for reply in replies])

    async def _prune(self) -> None:
        if time.monotonic() >= self._next_pruning:
            await self._connection.execute(_PRUNE)
            self._next_pruning = time.monotonic() + _PRUNE_SECONDS

    async def _deliver(self, request: _Request) -> None:
        reply = await _send(self._session, request)
        self._replies.append(reply)
        self._in_flight -= 1


async def _send(session: aiohttp.ClientSession, request: _Request) -> _Reply:
    """What came back, or what went wrong; nothing that a peer does raises."""
    started = time.monotonic()
    limit = request.timeout_milliseconds
    if limit <= 0:
        return _Reply(request.id, error_msg=f"timeout_milliseconds must be positive, got {limit}")
    try:
        async with asyncio.timeout(limit / 1000):
            return await _exchange(session, request)
    except TimeoutError:
        total = (time.monotonic() - started) * 1000
        message = f"Timeout of {limit} ms reached. Total time: {total:.6f} ms"
        return _Reply(request.id, timed_out=True, error_msg=message)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _Reply(request.id, error_msg=_reason(error))


async def _exchange(session: aiohttp.ClientSession, request: _Request) -> _Reply:
    async with session.request(
        request.method.upper(),
        request.url,
        data=request.body,
        headers=_headers(request.headers),
        max_redirects=MAX_REDIRECTS,
    ) as response:
        return _Reply(
            request.id,
            status_code=response.status,
            content_type=response.headers.get("Content-Type"),
            headers=json.dumps(dict(response.headers), ensure_ascii=False),
            content=(await _read(response)).decode("utf-8", "replace") or None,
        )


def _headers(document: object) -> dict[str, str]:
    if not isinstance(document, dict):
        raise ValueError("headers must be a JSON object")  # noqa: TRY004 - the sender's, not ours
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in document.items()
        if value is not None
    }


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, cut where it grows too large to keep."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= MAX_REPLY_BYTES:
            break
    return bytes(body[:MAX_REPLY_BYTES])


def _storable(text: str) -> str:
    """As in pg_net, where C ends a text at its first NUL; a peer's broken bytes become `?`."""
    return text.partition("\0")[0].encode("utf-8", "replace").decode()


def _reason(error: Exception) -> str:
    """The error in libcurl's words, where libcurl has words for it."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "Couldn't resolve host name"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "Couldn't connect to server"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "Server returned nothing (no headers, no data)"
    return f"{type(error).__name__}: {error}"
