"""The shop's REST interface, spoken to with its secret key."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from admin.errors import AdminError, RefusedError
from admin.settings import Settings

Row = dict[str, Any]

_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_OPAQUE_KEY = "sb_"
_REFUSED = "PT"
_NO_GRANT = "42501"


class UnansweredError(AdminError):
    """Nobody knows whether it was done."""


class Shop:
    """One Supabase project."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self.settings = settings
        self._session = session
        self._url = settings.require("SUPABASE_URL").rstrip("/")
        self._headers = _headers(settings.require("SUPABASE_SECRET_KEY"))

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator["Shop"]:
        """A shop whose connections live as long as the context."""
        async with aiohttp.ClientSession(
            timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            yield cls(session, settings)

    async def call(self, verb: str, **arguments: object) -> Any:  # noqa: ANN401 - the verb's own type
        """Run a verb of the staff.

        Raises:
            RefusedError: the shop said no.
            AdminError: it could not be asked.
        """
        return await self._send("POST", f"rpc/{verb}", json=arguments)

    async def engine(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        """Run a verb of the schema `engine`; raises as `call`."""
        rows: list[Row] = await self._send("POST", f"rpc/{verb}", "engine", json=arguments)
        return rows

    async def select(self, table: str, **query: str) -> list[Row]:
        """Rows of a table, by PostgREST's query parameters; raises as `call`."""
        rows: list[Row] = await self._send("GET", table, params=query)
        return rows

    async def _send(self, method: str, path: str, profile: str = "public", **request: Any) -> Any:  # noqa: ANN401 - JSON
        headers = self._headers | {"Accept-Profile": profile, "Content-Profile": profile}
        url = f"{self._url}/rest/v1/{path}"
        try:
            async with self._session.request(method, url, headers=headers, **request) as response:
                return _checked(response.status, await response.read())
        except aiohttp.InvalidURL as error:
            raise AdminError("SUPABASE_URL is not a URL.") from error
        except aiohttp.ClientConnectorError as error:
            raise AdminError(f"Nobody answers at {self._url}.") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnansweredError(f"No answer came from {self._url}.") from error


def _headers(key: str) -> dict[str, str]:
    if not key.isascii() or not key.isprintable():
        raise AdminError("SUPABASE_SECRET_KEY is not a key.")
    # A legacy key is a JWT, and names its role here.
    return {"apikey": key} | (
        {} if key.startswith(_OPAQUE_KEY) else {"Authorization": f"Bearer {key}"}
    )


def _checked(status: int, body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        answer = json.loads(body) if body else None
    except ValueError as error:
        raise UnansweredError(f"The answer is not of a shop (status {status}).") from error
    if status >= 300:
        raise _refusal(status, answer if isinstance(answer, dict) else {})
    return answer


def _refusal(status: int, answer: Row) -> AdminError:
    code, message = str(answer.get("code")), str(answer.get("message"))
    if code.startswith(_REFUSED):
        return RefusedError(message + _context(answer.get("hint")), str(answer.get("details")))
    if code == _NO_GRANT:
        return AdminError("This key may not do that: SUPABASE_SECRET_KEY must be a secret key.")
    if status in (401, 403):
        return AdminError("The shop does not take this SUPABASE_SECRET_KEY.")
    if status >= 500:
        return UnansweredError(f"The shop is in trouble (status {status}): {message}")
    return AdminError(f"The shop does not understand (status {status}): {message}")


def _context(hint: object) -> str:
    try:
        context = json.loads(str(hint))
    except ValueError:
        return ""
    if not isinstance(context, dict) or not context:
        return ""
    return " (" + ", ".join(f"{name}: {value}" for name, value in context.items()) + ")"
