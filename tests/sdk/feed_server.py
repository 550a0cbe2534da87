"""A server that has nothing but a feed."""

import json
from collections.abc import Sequence

import httpx

from orderbase._feed import Position
from tests.sdk.test_models import NOW, ORDER

ORDERS = [f"00000000-0000-4000-8000-{number:012}" for number in range(10)]
USERS = [f"00000000-0000-4000-a000-{number:012}" for number in range(10)]


class FeedServer:
    """Event number n is at position n-n."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.reads: list[str | None] = []
        self.troubles: list[httpx.Response | httpx.HTTPError] = []

    def happen(
        self, count: int = 1, *, order: int = 0, kind: str = "order.paid", status: str = "paid"
    ) -> None:
        """Events of one order."""
        for _ in range(count):
            number = len(self.events) + 1
            version = 1 + sum(event["order_id"] == ORDERS[order] for event in self.events)
            self.events.append(
                {
                    "position": f"{number}-{number}", "order_id": ORDERS[order],
                    "user_id": USERS[order], "type": kind, "status": status, "version": version,
                    "data": {}, "created_at": NOW,
                }
            )  # fmt: skip

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/rest/v1/")
        if path == "rpc/order_feed_head":
            return httpx.Response(200, json=f"{len(self.events) + 1}-0")
        if path == "orders":
            return httpx.Response(200, json=self._orders())
        assert path == "rpc/order_feed"
        return self._read(json.loads(request.content))

    def _read(self, arguments: dict[str, object]) -> httpx.Response:
        after = str(arguments["after"])
        self.reads.append(after)
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, httpx.HTTPError):
                raise trouble
            return trouble
        if Position.parse(after) > Position(len(self.events) + 1, 0):
            return httpx.Response(422, json={"code": "PT422", "details": "position_ahead"})
        found = [
            e for e in self.events if Position.parse(str(e["position"])) > Position.parse(after)
        ]
        return httpx.Response(200, json=found[: int(str(arguments["max_rows"]))])

    def _orders(self) -> Sequence[object]:
        versions = {event["order_id"]: event["version"] for event in self.events}
        return [
            ORDER | {"id": id_, "version": version, "items": []}
            for id_, version in versions.items()
        ]
