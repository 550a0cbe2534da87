"""PostgREST in the caller's own name: row-level security and the verbs decide what they may do."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from functions.api.settings import ApiSettings
from functions.kit.database import Row
from functions.kit.http import Answer, Http, NoAnswer, key_headers
from functions.kit.problems import Problem, unauthorized, unavailable

_REFUSAL = "PT"
_DATA_ERRORS = ("22", "23514", "PGRST102")
_HEADERS: Mapping[int, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "60"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


class UserClient:
    """One caller's: made for a request, over the connections that all share."""

    def __init__(self, http: Http, settings: ApiSettings, token: str | None) -> None:
        """`token` is the caller's own; without one, they are anybody."""
        self._http = http
        self._rest = f"{settings.address}/rest/v1"
        self._headers = key_headers(settings.supabase_publishable_key, token)

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
            answer = await self._http.ask(
                method, f"{self._rest}/{path}", headers=headers, **request
            )
        except NoAnswer as error:
            raise unavailable() from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(answer.status, answer.body if isinstance(answer.body, dict) else {})
        if answer.status == HTTPStatus.OK and answer.body is None:
            raise unavailable()  # somebody in between answered
        return answer


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
