"""The verbs of the schema `engine`, called through PostgREST over kept-alive connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any

from functions.kit.settings import Settings

if TYPE_CHECKING:
    import aiohttp

Row = dict[str, Any]

_SECONDS = 15
_SECONDS_TO_CONNECT = 5
_OPAQUE_KEY = "sb_"


class DatabaseError(Exception):
    """A verb was not carried out, or its reply was lost."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - says what happened
    """No answer, or a passing fault: the same call may succeed later."""


class DatabaseRefused(DatabaseError):  # noqa: N818 - says what happened
    """The call itself is wrong: its key, its grants or its arguments."""

    def __init__(self, status: int, code: str | None) -> None:
        super().__init__(f"refused with status {status}, code {code}")
        self.status = status
        self.code = code
        """PostgREST's or PostgreSQL's, as `42501`."""


class Database:
    """One Supabase project, spoken to with its secret key."""

    def __init__(self, settings: Settings) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._rpc = f"{str(settings.supabase_url).rstrip('/')}/rest/v1/rpc"
        self._headers = _headers(settings.supabase_secret_key.get_secret_value())

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator["Database"]:
        """A database whose connections live as long as the context."""
        database = cls(settings)
        try:
            yield database
        finally:
            if database._session:
                await database._session.close()

    async def call(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        """Run a verb as one transaction and return its rows.

        Raises:
            DatabaseUnavailable: no answer, or a fault that may pass; it may have been carried out.
            DatabaseRefused: the database will not do this; nothing was done.
        """
        session = self._session or await self._open()
        import aiohttp  # noqa: PLC0415 - see _open

        try:
            async with session.post(
                f"{self._rpc}/{verb}", json=arguments, headers=self._headers
            ) as response:
                return await _rows(response)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise DatabaseUnavailable(f"{type(error).__name__} from {verb}") from error

    async def _open(self) -> "aiohttp.ClientSession":
        """Import the client beside the event loop: it takes long, and the first answer less."""
        async with self._opening:
            if self._session is None:
                aiohttp = await asyncio.to_thread(import_module, "aiohttp")
                timeout = aiohttp.ClientTimeout(_SECONDS, _SECONDS_TO_CONNECT)
                jar = aiohttp.DummyCookieJar()
                self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=jar)
        return self._session


def _headers(key: str) -> dict[str, str]:
    headers = {"apikey": key, "Content-Profile": "engine"}
    if not key.startswith(_OPAQUE_KEY):
        headers["Authorization"] = f"Bearer {key}"  # a legacy key is a JWT and names its role here
    return headers


async def _rows(response: "aiohttp.ClientResponse") -> list[Row]:
    if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise DatabaseUnavailable(f"status {response.status}")
    body = await response.json(content_type=None)
    if response.status >= 300:
        code = body.get("code") if isinstance(body, dict) else None
        if code == "":
            # What PostgREST answers, with status 400, when Postgres crashes during the call.
            raise DatabaseUnavailable(f"status {response.status} without a code")
        raise DatabaseRefused(response.status, code)
    if not isinstance(body, list):
        raise DatabaseUnavailable("the answer is not a list of rows")
    return body
