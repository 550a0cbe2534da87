"""A call of the REST API: what to send, and how to read the answer. No network here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar
from uuid import UUID

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from orderbase import errors

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. Each is safe to send again: it reads, or its effect has a key."""

    method: Literal["GET", "POST"]
    path: str
    parse: Callable[[bytes], T]
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, JsonValue] | None = None
    idempotency_key: UUID | None = None

    def request(
        self, http: httpx.Client | httpx.AsyncClient, url: str, headers: Mapping[str, str]
    ) -> httpx.Request:
        """The request to send to the project at `url`."""
        return http.build_request(
            self.method,
            f"{url}/rest/v1/{self.path}",
            params=dict(self.params),
            headers=dict(headers),
            json=self.body,
        )

    def read(self, response: httpx.Response) -> T:
        """The result.

        Raises:
            OrderbaseError: the answer is a refusal or unreadable.
        """
        if not response.is_success:
            raise errors.from_response(response)
        try:
            return self.parse(response.content)
        except (ValidationError, KeyError, TypeError) as error:
            raise errors.unreadable(response) from error


def select(
    table: str, parse: Callable[[bytes], T], columns: str, params: Mapping[str, str]
) -> Call[T]:
    """Read rows of a table."""
    return Call("GET", table, parse, {"select": "".join(columns.split()), **params})


def rpc(
    verb: str,
    parse: Callable[[bytes], T],
    arguments: Mapping[str, JsonValue],
    idempotency_key: UUID | None = None,
) -> Call[T]:
    """Call a function of the database."""
    return Call("POST", f"rpc/{verb}", parse, body=arguments, idempotency_key=idempotency_key)


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
