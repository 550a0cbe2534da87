"""Calls of the API, and what every answer of it must hold to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
from multidict import CIMultiDictProxy

PROBLEM = "application/problem+json"
ADDRESS = {
    "name": "Test Person",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postalCode": "10115",
    "country": "DE",
}
UNKNOWN = "11111111-1111-4111-8111-111111111111"
Json = Any


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: Json
    headers: CIMultiDictProxy[str]

    @property
    def refusal(self) -> tuple[int, str]:
        """Its status and code."""
        return self.status, self.body["code"]

    @property
    def told(self) -> Json:
        """What a problem says, besides the request's name."""
        return {name: value for name, value in self.body.items() if name != "request_id"}


@dataclass(frozen=True)
class Person:
    """Somebody who calls, signed in if they have a token."""

    client: aiohttp.ClientSession
    token: str | None = None
    id: UUID | None = None
    email: str = ""

    async def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        data: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a request with a JSON body, or the bytes `data` said to be JSON."""
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            data = json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.client.request(method, path, data=data, headers=sent) as answer:
            text = await answer.text()
            reply = Reply(answer.status, json.loads(text) if text else None, answer.headers)
        check(reply)
        return reply

    async def get(self, path: str, **more: Any) -> Reply:  # noqa: ANN401 - any JSON
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Json = None, **more: Any) -> Reply:  # noqa: ANN401 - any JSON
        return await self.ask("POST", path, body, **more)

    async def patch(self, path: str, body: Json = None, **more: Any) -> Reply:  # noqa: ANN401 - any JSON
        return await self.ask("PATCH", path, body, **more)


def check(reply: Reply) -> None:
    """Nothing is our fault, and every error is a whole problem with the request's name."""
    assert reply.status < 500 or reply.status == 503, reply
    assert reply.headers["X-Request-Id"]
    if reply.status >= 400:
        assert reply.headers["Content-Type"] == PROBLEM
        assert reply.body["status"] == reply.status
        assert reply.body["request_id"] == reply.headers["X-Request-Id"]
        assert {"type", "title", "detail", "code"} <= reply.body.keys()
    if reply.status in (429, 503):
        assert int(reply.headers["Retry-After"]) > 0
    if reply.status == 401:
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def order_of(*products: str, **changed: Json) -> Json:
    """The body of an order of one of each product, with a card that works."""
    return {
        "items": [{"productId": product, "quantity": 1} for product in products],
        "shippingAddress": ADDRESS,
        "paymentMethod": "pm_card_visa",
    } | changed


def if_match(reply: Reply) -> dict[str, str]:
    """The header that names the version of an answer."""
    return {"If-Match": reply.headers["ETag"]}
