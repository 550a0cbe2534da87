"""A call: what to send, and how to read the answer. No network here."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase import errors
from orderbase._answers import from_response, unreadable
from orderbase._http import Request, Response

T = TypeVar("T")
M = TypeVar("M")

Body = Mapping[str, JsonValue] | Sequence[JsonValue] | bytes | None
"""JSON, or bytes as they are, whose `content-type` is among the call's headers."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, by its path from the project's address.

    `repeatable`: whether it may be sent again when nobody knows what became of it, as it only
    reads, or its effect has a key.
    `takes`: seconds that it may take, however impatient the client is.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    parse: Callable[[bytes], T]
    body: Body = field(default=None, repr=False)  # holds passwords
    repeatable: bool = True
    idempotency_key: UUID | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    takes: float = 0.0

    def request(self, url: str, headers: Mapping[str, str]) -> Request:
        """The request to send to the project at `url`."""
        headers = {**headers, **self.headers}
        if self.body is None or isinstance(self.body, bytes):
            return Request(self.method, url + self.path, headers, self.body)
        content = json.dumps(self.body).encode()
        headers["content-type"] = "application/json"
        return Request(self.method, url + self.path, headers, content)

    def read(self, response: Response) -> T:
        """The result.

        Raises:
            OrderbaseError: the answer is a refusal or unreadable.
        """
        if not 200 <= response.status < 300:
            raise from_response(response.status, response.content, response.headers)
        try:
            return self.parse(response.content)
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(response.status, response.headers) from error


_LONGEST_QUERY = 7800
"""Bytes; servers take addresses of about 8 KB."""

ALL = "*"
"""All columns. PostgREST takes longer to read ten names than Postgres does to find a row."""


def select(
    table: str, parse: Callable[[bytes], T], columns: str, params: Mapping[str, str]
) -> Call[T]:
    """Read rows of a table."""
    return Call("GET", rows_path(table, [("select", columns), *params.items()]), parse)


def rows_path(table: str, query: Sequence[tuple[str, str]]) -> str:
    """The path of rows of a table.

    Raises:
        InvalidRequest: "invalid_value": Postgres would end a text at its NUL, and find other rows;
            or it is no text. "query_too_long".
    """
    try:
        written = urlencode(query, quote_via=quote, safe=":*(),.")
    except UnicodeEncodeError:
        written = "%00"
    if "%00" in written:
        message = "A text that is asked for has a NUL, or half a character."
        raise errors.InvalidRequest(message, code="invalid_value")
    if len(written) > _LONGEST_QUERY:
        message = "This asks for too much at once: use fewer or shorter values."
        raise errors.InvalidRequest(message, code="query_too_long")
    return f"/rest/v1/{table}?{written}"


def write(
    rows: Call[T],
    method: Literal["POST", "PATCH", "DELETE"],
    body: Mapping[str, JsonValue] | None = None,
    *,
    repeatable: bool = True,
) -> Call[T]:
    """Add a row, or change or remove those that a call selects; answers what it would read."""
    headers = {"prefer": "return=representation"}
    return replace(rows, method=method, body=body, repeatable=repeatable, headers=headers)


def rpc(
    verb: str,
    parse: Callable[[bytes], T],
    arguments: Mapping[str, JsonValue],
    idempotency_key: UUID | None = None,
    *,
    repeatable: bool = True,
) -> Call[T]:
    """Call a function of the database."""
    path = f"/rest/v1/rpc/{verb}"
    return Call("POST", path, parse, arguments, repeatable, idempotency_key)


def one(rows: TypeAdapter[list[M]], code: str, message: str) -> Callable[[bytes], M]:
    """A parser for the only row.

    Raises:
        NotFound: there is none; with this code and message.
    """

    def parse(content: bytes) -> M:
        found = rows.validate_json(content)
        if not found:
            raise errors.NotFound(message, status=404, code=code)
        return found[0]

    return parse
