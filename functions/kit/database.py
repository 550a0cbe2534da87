"""The verbs of the schema `engine`, called through PostgREST over kept-alive connections."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from functions.kit.http import Answer, Http, NoAnswer, key_headers
from functions.kit.settings import Settings

Row = dict[str, Any]


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

    def __init__(self, http: Http, settings: Settings) -> None:
        self._http = http
        self._rpc = f"{str(settings.supabase_url).rstrip('/')}/rest/v1/rpc"
        key = settings.supabase_secret_key.get_secret_value()
        self._headers = key_headers(key) | {"Content-Profile": "engine"}

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator["Database"]:
        """A database whose connections live as long as the context."""
        async with Http.connect() as http:
            yield cls(http, settings)

    async def call(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        """Run a verb as one transaction and return its rows.

        Raises:
            DatabaseUnavailable: no answer, or a fault that may pass; it may have been carried out.
            DatabaseRefused: the database will not do this; nothing was done.
        """
        try:
            answer = await self._http.ask(
                "POST", f"{self._rpc}/{verb}", json=arguments, headers=self._headers
            )
        except NoAnswer as error:
            raise DatabaseUnavailable(f"{error} from {verb}") from error
        return _rows(answer)


def _rows(answer: Answer) -> list[Row]:
    status, body = answer.status, answer.body
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise DatabaseUnavailable(f"status {status}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        code = body.get("code") if isinstance(body, dict) else None
        if code == "":
            # What PostgREST answers, with status 400, when Postgres crashes during the call.
            raise DatabaseUnavailable(f"status {status} without a code")
        raise DatabaseRefused(status, code)
    if not isinstance(body, list):
        raise DatabaseUnavailable("the answer is not a list of rows")
    return body
