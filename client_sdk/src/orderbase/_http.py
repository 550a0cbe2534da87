"""HTTP: requests and answers as plain values, and what carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from orderbase import errors

if TYPE_CHECKING:
    import aiohttp


def is_address(url: str) -> bool:
    """Whether requests can be sent to an address with paths behind it."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(url) & set(" ?#")
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def is_header(value: str) -> bool:
    """Whether a text can be sent in a header."""
    return value.isascii() and value.isprintable()


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `content` is the body; None when there is none.

    Its `repr` has neither headers nor body: they hold tokens and passwords.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Names of `headers` are looked up in lower case.

    Its `repr` has neither headers nor body: they hold tokens.
    """

    status: int
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class Transport(Protocol):
    """Carries requests. Give a client your own to test without a network."""

    async def send(self, request: Request) -> Response:
        """The answer, whatever its status. It is cancelled when it takes too long.

        Raises:
            ConnectionFailed: there was no answer.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class AiohttpTransport:
    """Connections that are kept and shared, within one event loop."""

    def __init__(self) -> None:
        # Half of the time that importing orderbase would take, and too long within a call.
        import_module("aiohttp")
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """See Transport."""
        import aiohttp  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        from orderbase._proxy import way_to  # noqa: PLC0415

        if self._session is None:
            self._session = _session()
        url = URL(request.url, encoded=True)
        way = way_to(url.scheme, url.host or "")
        try:
            async with self._session.request(
                request.method,
                url,
                headers={**request.headers, **way.headers},
                data=request.content,
                allow_redirects=False,
                proxy=way.proxy,
                proxy_headers=way.proxy_headers,
            ) as answer:
                return Response(answer.status, await answer.read(), answer.headers)
        except (aiohttp.ClientError, OSError) as error:
            raise errors.ConnectionFailed(str(error) or "The connection was lost.") from error

    async def aclose(self) -> None:
        """See Transport."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _session() -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415

    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the sender has its own
    )
