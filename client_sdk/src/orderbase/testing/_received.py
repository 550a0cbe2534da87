"""A request as the fake shop's server reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from orderbase._http import Request, Response
from orderbase.testing._refusals import rest_refusal

_NUL = re.compile(rb"(?<!\\)(\\\\)*\\u0000")  # in JSON, and not a backslash before "u0000"


@dataclass(frozen=True, slots=True)
class Received:
    """A request, taken apart. Names of `headers` are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    content: bytes | None

    @classmethod
    def of(cls, request: Request) -> "Received":
        """What was sent."""
        address = urlsplit(request.url)
        return cls(
            request.method,
            unquote(address.path),
            tuple(parse_qsl(address.query, keep_blank_values=True)),
            {name.lower(): value for name, value in request.headers.items()},
            request.content,
        )

    @property
    def bearer(self) -> str:
        """The token that it is sent with."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent; empty when there is none.

        Raises:
            Refusal: it is something else.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise rest_refusal(400, "PGRST102", "The body is not a JSON object.")
        return {**value}

    def rows(self) -> list[dict[str, Any]]:
        """The JSON object that was sent, or those of the array.

        Raises:
            Refusal: it is something else.
        """
        value = self.json()
        found = cast(list[object], value) if isinstance(value, list) else [value]
        if not all(isinstance(row, dict) for row in found):
            raise rest_refusal(400, "PGRST102", "The body is not of JSON objects.")
        return [{**cast(dict[str, Any], row)} for row in found]

    def json(self) -> object:
        """The JSON that was sent.

        Raises:
            Refusal: it is none, or has text that Postgres cannot keep.
        """
        try:
            value = json.loads(self.content or b"{}")
            text = json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is none
        except ValueError:
            raise rest_refusal(400, "PGRST102", "Empty or invalid json") from None
        if _NUL.search(text):
            raise rest_refusal(400, "22P05", "unsupported Unicode escape sequence")
        return value


def answer(
    body: object = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON; without a body, 204."""
    if body is None and status == 200:
        return Response(204)
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(status, content, {"content-type": "application/json", **(headers or {})})
