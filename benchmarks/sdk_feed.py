"""A feed of a million events, answered from memory: what a watcher of a whole shop goes through."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

from orderbase import Orderbase, Request, Response
from orderbase._feed import PAGE_ROWS

_PAGE_SIZE = 4096


class LongFeed:
    """Events at the positions 1-1, 2-2, ..., for as long as somebody asks."""

    async def send(self, request: Request) -> Response:
        """A page, whatever else was asked."""
        after = int(str(json.loads(request.content or b"{}")["after"]).partition("-")[0])
        page = [self._event(number) for number in range(after + 1, after + 1 + PAGE_ROWS)]
        return Response(200, json.dumps(page).encode())

    async def aclose(self) -> None:
        """Nothing was opened."""

    @staticmethod
    def _event(number: int) -> dict[str, object]:
        return {
            "position": f"{number}-{number}", "order_id": str(UUID(int=number)),
            "user_id": str(UUID(int=number)), "type": "order.placed", "status": "placed",
            "version": 1, "data": {}, "created_at": "2026-01-01T00:00:00Z",
        }  # fmt: skip


def growth_over(events: int, *, warm_up: int = 50_000) -> float:
    """Resident memory after so many events, by what it was after the first ones."""
    # Realtime cannot be reached at this address, so the listener goes on trying, too.
    shop = Orderbase("http://127.0.0.1:9", "key", transport=LongFeed())
    with shop, shop.orders.watch(after="0-0") as watch:
        _skip(watch, warm_up)
        before = _resident()
        _skip(watch, events - warm_up)
        return _resident() / before


def _skip(events: Iterator[object], count: int) -> None:
    for _ in islice(events, count):
        pass


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_SIZE
