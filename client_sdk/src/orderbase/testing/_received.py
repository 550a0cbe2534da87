"""A request as the fake shop's server reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orderbase._http import Request, Response
from orderbase.testing._refusals import rest_refusal


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

    def json(self) -> object:
        """The JSON that was sent.

        Raises:
            Refusal: it is none.
        """
        try:
            return json.loads(self.content or b"{}")
        except ValueError:
            raise rest_refusal(400, "PGRST102", "Empty or invalid json") from None


def answer(
    body: object = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON; without a body, 204."""
    if body is None and status == 200:
        return Response(204)
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(status, content, {"content-type": "application/json", **(headers or {})})
