"""A stand-in for PostgREST's rpc: claims are scripted, finishes are kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from functions.kit.settings import Settings

Row = dict[str, Any]
SECRET_KEY = "sb_secret_of_a_test"  # noqa: S105 - of a stand-in
WEBHOOK_SECRET = "whsec_0123456789abcdef0123456789"  # noqa: S105 - of a stand-in


class Engine:
    """What the functions see of the database, and what they did to it."""

    url: str

    def __init__(self) -> None:
        self.due: list[Row] = []
        """Messages; a claim takes them all."""
        self.calls: list[tuple[str, Row]] = []
        self.headers: list[dict[str, str]] = []
        self.results: list[Row] = []
        self.faults: list[int] = []
        """Statuses of the next replies; 0 hangs up after the work is done."""
        self.finish_status = "finished"
        self.refused_message: int | None = None
        """A finish that holds this message is refused whole."""
        self.claimed = asyncio.Event()
        self.claims_in_flight = self.most_claims_in_flight = 0

    def claims(self) -> int:
        """How often a claim came."""
        return sum(verb.startswith("claim_") for verb, _ in self.calls)

    def outcomes(self) -> list[str]:
        """Outcomes reported so far, by message id."""
        return [row["outcome"] for row in sorted(self.results, key=lambda r: int(r["message_id"]))]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any verb."""
        verb, arguments = request.match_info["verb"], await request.json()
        self.calls.append((verb, arguments))
        self.headers.append(dict(request.headers))
        fault = self.faults.pop(0) if self.faults else None
        if self.refused_message in {row["message_id"] for row in arguments.get("results", [])}:
            fault = 400
        if fault:
            return web.json_response({"code": "XX000", "message": "scripted"}, status=fault)
        rows = await self._claim() if verb.startswith("claim_") else self._finish(arguments)
        if fault == 0:
            assert request.transport
            request.transport.abort()
        return web.json_response(rows)

    async def _claim(self) -> list[Row]:
        self.claims_in_flight += 1
        self.most_claims_in_flight = max(self.most_claims_in_flight, self.claims_in_flight)
        self.claimed.set()
        await asyncio.sleep(0.005)
        self.claims_in_flight -= 1
        due, self.due = self.due, []
        return due

    def _finish(self, arguments: Row) -> list[Row]:
        self.results += arguments["results"]
        return [
            {"message_id": result["message_id"], "status": self.finish_status}
            for result in arguments["results"]
        ]

    def settings(self) -> Settings:
        """What points a function here."""
        return Settings.model_validate(self.environment())

    def environment(self, **more: object) -> Row:
        """The same, with more fields, for a function's own settings."""
        return {
            "supabase_url": self.url,
            "supabase_secret_key": SECRET_KEY,
            "webhook_secret": WEBHOOK_SECRET,
        } | more


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    """Serve on a free port of the loopback."""
    app = web.Application()
    app.router.add_post("/rest/v1/rpc/{verb}", engine.answer)
    async with TestServer(app) as server:
        engine.url = str(server.make_url("/"))
        yield engine


def message(number: int, **fields: object) -> Row:
    """A claimed message with the fields that every queue has."""
    return {"message_id": number, "reads": 1, "order_id": f"order-{number}"} | fields


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something is so; fail after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
