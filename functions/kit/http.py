"""Calls of JSON services over kept-alive connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

_SECONDS = 15.0
_SECONDS_TO_CONNECT = 5.0
_OPAQUE_KEY = "sb_"


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """None came, or none that is JSON: whether the call was carried out is not known."""


@dataclass(frozen=True)
class Answer:
    """Of a service, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """Any JSON; None if it is empty."""


class Http:
    """A client, which carries no key and no cookie of its own."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def connect(cls) -> AsyncIterator["Http"]:
        """A client whose connections live as long as the context."""
        http = cls()
        try:
            yield http
        finally:
            if http._session:
                await http._session.close()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        seconds: float = _SECONDS,
        **request: Any,  # noqa: ANN401 - aiohttp's
    ) -> Answer:
        """Send a request, and wait so long for its answer. Redirects are answers.

        Raises:
            NoAnswer: see there.
        """
        session = self._session or await self._open()
        import aiohttp  # noqa: PLC0415 - see _open

        timeout = aiohttp.ClientTimeout(seconds, _SECONDS_TO_CONNECT)
        try:
            async with session.request(
                method, url, timeout=timeout, allow_redirects=False, **request
            ) as response:
                body = await response.json(content_type=None)
                return Answer(response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise NoAnswer(type(error).__name__) from error

    async def _open(self) -> "aiohttp.ClientSession":
        """Import the client beside the event loop: it takes long, and the first answer less."""
        async with self._opening:
            if self._session is None:
                aiohttp = await asyncio.to_thread(import_module, "aiohttp")
                self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def key_headers(key: str, token: str | None = None) -> dict[str, str]:
    """What shows Supabase a project's key, and a user's access token if there is one."""
    headers = {"apikey": key}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif not key.startswith(_OPAQUE_KEY):
        headers["Authorization"] = f"Bearer {key}"  # a legacy key is a JWT and names its role here
    return headers
