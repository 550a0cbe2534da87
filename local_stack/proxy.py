"""Passes a request on to another server and streams the answer back."""

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

# RFC 9110, 7.6.1: these speak of one connection. Date and Server are written anew by this one.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "date",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_BUFFER_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 << 20
"""PostgREST keeps a whole body in memory, several times over."""
T = TypeVar("T", bound=web.StreamResponse)
UNTYPED = "untyped"
"""Set on a response that must not get aiohttp's default Content-Type."""


class Upstream:
    """One server behind the gateway."""

    def __init__(self, session: aiohttp.ClientSession, address: str, name: str) -> None:
        self._session = session
        self._address = address
        self._name = name

    async def forward(
        self, request: web.Request, path: str, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        """Send the request with these headers to `path`; 503 when nobody is there."""
        url = URL(self._address + path, encoded=True)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return _too_large()
        try:
            async with self._session.request(
                request.method,
                url,
                headers=headers,
                data=_bounded(request.content) if request.body_exists else None,
                allow_redirects=False,
            ) as answer:
                return await _relay(request, answer)
        except aiohttp.ClientError as error:
            # aiohttp wraps what goes wrong while it sends the body.
            if isinstance(error.__cause__, _TooLargeError):
                return _too_large()
            return _unanswered(self._name, error)


def _unanswered(name: str, error: aiohttp.ClientError) -> web.Response:
    status = 503 if isinstance(error, aiohttp.ClientConnectorError) else 502
    return web.json_response(
        {"message": f"{name} does not answer", "code": str(status)}, status=status
    )


class _TooLargeError(Exception):
    """The body went on past the limit."""


async def _bounded(body: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The body as it comes: a length that was not announced is counted."""
    seen = 0
    async for chunk in body.iter_chunked(_BUFFER_BYTES):
        seen += len(chunk)
        if seen > MAX_BODY_BYTES:
            raise _TooLargeError
        yield chunk


def _too_large() -> web.Response:
    message = f"The body is larger than {MAX_BODY_BYTES >> 20} MiB"
    return web.json_response({"message": message, "code": "413"}, status=413)


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = passed_on(answer.headers.items())
    start = await answer.content.readany()
    if answer.content.at_eof():
        # Head and body in one packet: most answers are small.
        return _untyped(web.Response(status=answer.status, headers=headers, body=start), headers)
    response = _untyped(web.StreamResponse(status=answer.status, headers=headers), headers)
    await response.prepare(request)
    await response.write(start)
    async for chunk in answer.content.iter_chunked(_BUFFER_BYTES):
        await response.write(chunk)
    await response.write_eof()
    return response


def _untyped(response: T, headers: CIMultiDict[str]) -> T:
    response[UNTYPED] = "Content-Type" not in headers
    return response


def passed_on(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """The headers that travel beyond one connection."""
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)
