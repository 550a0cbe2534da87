"""PostgREST in the caller's own name: row-level security and the verbs decide what they may do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from functions.api.settings import ApiSettings
from functions.kit.database import Row
from functions.kit.problems import Problem, unauthorized, unavailable

_REFUSAL = "PT"
_DATA_ERRORS = ("22", "23514", "PGRST102")
_OPAQUE_KEY = "sb_"
_HEADERS: Mapping[int, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "60"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


@dataclass(frozen=True)
class Answer:
    """Of PostgREST."""

    body: Any
    headers: Mapping[str, str]


class UserClient:
    """One caller's: made for a request, over the connections that all share."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: ApiSettings, token: str | None
    ) -> None:
        """`token` is the caller's own; without one, they are anybody."""
        self._session = session
        self._rest = f"{settings.address}/rest/v1"
        self._headers = _headers(settings.supabase_publishable_key, token)

    async def call(self, verb: str, arguments: Mapping[str, object]) -> Any:  # noqa: ANN401 - any JSON
        """What the verb returns.

        Raises:
            Problem: its refusal, or `unavailable`.
        """
        return (await self.answer_of(verb, arguments)).body

    async def answer_of(self, verb: str, arguments: Mapping[str, object]) -> Answer:
        """The same, with the headers that the verb set.

        Raises:
            Problem: see `call`.
        """
        return await self._ask("POST", f"rpc/{verb}", json=arguments)

    async def select(self, table: str, query: Mapping[str, str]) -> list[Row]:
        """Rows that the caller may see, by PostgREST's query language.

        Raises:
            Problem: see `call`.
        """
        rows: list[Row] = (await self._ask("GET", table, params=query)).body
        return rows

    async def update(
        self, table: str, query: Mapping[str, str], changes: Mapping[str, object]
    ) -> list[Row]:
        """The rows that were changed, as they are now.

        Raises:
            Problem: see `call`.
        """
        headers = {"Prefer": "return=representation"}
        answer = await self._ask("PATCH", table, params=query, json=changes, headers=headers)
        rows: list[Row] = answer.body
        return rows

    async def _ask(self, method: str, path: str, **request: Any) -> Answer:  # noqa: ANN401 - aiohttp's
        headers = self._headers | request.pop("headers", {})
        try:
            async with self._session.request(
                method, f"{self._rest}/{path}", headers=headers, **request
            ) as response:
                status = response.status
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise unavailable() from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise refusal(status, body if isinstance(body, dict) else {})
        if not isinstance(body, list | dict):
            raise unavailable()
        return Answer(body, response.headers)


def refusal(status: int, body: Mapping[str, Any]) -> Problem:
    """What an answer of PostgREST (status 400 or more) means for the caller.

    Raises:
        RuntimeError: the call was wrong, which is our fault.
    """
    code = str(body.get("code") or "")
    if code.startswith(_REFUSAL):
        headers = _HEADERS.get(status, {})
        return Problem(
            HTTPStatus(status),
            str(body.get("details")),
            str(body.get("message")),
            context=_context(body.get("hint")),
            headers=headers,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return unavailable()
    if not code:  # what PostgREST answers when Postgres crashes during the call
        return unavailable()
    if status == HTTPStatus.UNAUTHORIZED:
        detail = "The access token is not accepted: sign in again."
        return unauthorized("invalid_token", detail)
    if code.startswith(_DATA_ERRORS):
        detail = "The request holds a value that cannot be stored."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail)
    raise RuntimeError(f"PostgREST answered status {status}, code {code}")


def _context(hint: object) -> Mapping[str, Any] | None:
    try:
        context = json.loads(hint) if isinstance(hint, str) else None
    except ValueError:
        return None
    return context if isinstance(context, dict) else None


def _headers(key: str, token: str | None) -> dict[str, str]:
    headers = {"apikey": key}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif not key.startswith(_OPAQUE_KEY):
        headers["Authorization"] = f"Bearer {key}"  # a legacy key is a JWT and names its role here
    return headers
