"""HTTP: requests and answers as plain values, and what carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from orderbase import errors

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `content` is the body; None when there is none."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Names of `headers` are looked up in lower case."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


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

        if self._session is None:
            self._session = _session()
        url = URL(request.url, encoded=True)
        try:
            async with self._session.request(
                request.method,
                url,
                headers=request.headers,
                data=request.content,
                allow_redirects=False,
                proxy=_proxy(url.scheme, url.host or ""),
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


@lru_cache
def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment asks for.

    aiohttp would find it too, but it looks anew for every request, in another thread: that takes
    five times as long as the request.
    """
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - rarely needed twice

    return None if proxy_bypass(host) else getproxies().get(scheme)
