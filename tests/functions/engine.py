"""A stand-in for PostgREST's rpc: claims are scripted, results and events are kept."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
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
        """Messages; a claim takes as many as it wants, and the policy allows."""
        self.policy: Row = {"lease_seconds": 60, "window_seconds": 0, "batch_size": 100}
        self.calls: list[tuple[str, Row]] = []
        self.called_at: list[float] = []
        """When each call came, by `time.monotonic`."""
        self.headers: list[dict[str, str]] = []
        self.results: list[Row] = []
        self.events: list[Row] = []
        """Payment events; those with an id that is known are kept once."""
        self.faults: list[int] = []
        """Statuses of the next replies; 0 hangs up after the work is done."""
        self.faults_of: dict[str, list[int]] = defaultdict(list)
        """The same by the first word of the verb: claim, finish, renew, queue, receive."""
        self.open: dict[str, asyncio.Event] = {}
        """By the first word of the verb: calls wait for it."""
        self.finish_status = "finished"
        self.refused_message: int | None = None
        """A finish that holds this message is refused whole."""
        self.lost: set[object] = set()
        """Orders that somebody else works at."""
        self.busy: set[object] = set()
        """Orders that somebody holds for a moment."""
        self.promised_until = 0.0
        """When, by `time.monotonic`, the last promise to look again ends."""
        self.claimed = asyncio.Event()
        self.after_claims: list[Callable[[], Awaitable[None]]] = []
        """What happens after each of the next claims, before its reply is there."""
        self.claims_in_flight = self.most_claims_in_flight = 0

    def claims(self) -> int:
        """How often a claim came."""
        return len(self.called("claim"))

    def called(self, word: str) -> list[Row]:
        """Arguments of the calls of verbs that begin with this word."""
        return [arguments for verb, arguments in self.calls if verb.startswith(f"{word}_")]

    def outcomes(self) -> list[str]:
        """Outcomes reported so far, by message id."""
        return [row["outcome"] for row in sorted(self.results, key=lambda r: int(r["message_id"]))]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any verb."""
        verb, arguments = request.match_info["verb"], await request.json()
        word = verb.partition("_")[0]
        self.calls.append((verb, arguments))
        self.called_at.append(time.monotonic())
        self.headers.append(dict(request.headers))
        if word in self.open:
            await self.open[word].wait()
        faults = self.faults or self.faults_of[word]
        fault = faults.pop(0) if faults else None
        if self._refuses(word, arguments):
            fault = 400
        if fault:
            return web.json_response({"code": "XX000", "message": "scripted"}, status=fault)
        rows = await self._carry_out(word, arguments)
        if fault == 0:
            assert request.transport
            request.transport.abort()
        return web.json_response(rows)

    def _refuses(self, word: str, arguments: Row) -> bool:
        return word == "finish" and self.refused_message in {
            row["message_id"] for row in arguments["results"]
        }

    async def _carry_out(self, word: str, arguments: Row) -> list[Row]:
        match word:
            case "queue":
                return [self.policy]
            case "claim":
                return await self._claim(arguments)
            case "renew":
                return [_reply(row, self._renewed(row)) for row in arguments["results"]]
            case "receive":
                return [self._receive(event) for event in arguments["events"]]
        self.results += arguments["results"]
        return [_reply(row, self.finish_status) for row in arguments["results"]]

    async def _claim(self, arguments: Row) -> list[Row]:
        self.claims_in_flight += 1
        self.most_claims_in_flight = max(self.most_claims_in_flight, self.claims_in_flight)
        await asyncio.sleep(0.005)
        self.claims_in_flight -= 1
        promise = time.monotonic() + arguments.get("looks_again", 0)
        self.promised_until = max(self.promised_until, promise)
        most = min(arguments.get("wanted", 100), self.policy["batch_size"])
        taken, self.due = self.due[:most], self.due[most:]
        self.claimed.set()
        if self.after_claims:
            await self.after_claims.pop(0)()
        return taken

    def _renewed(self, row: Row) -> str:
        if row["order_id"] in self.busy:
            return "busy"
        return "lost" if row["order_id"] in self.lost else "renewed"

    def _receive(self, event: Row) -> Row:
        known = event["id"] in {row["id"] for row in self.events}
        if not known:
            self.events.append(event)
        return {"id": event["id"], "effect": "repeated" if known else "looked_up"}

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


def _reply(row: Row, status: str) -> Row:
    return {"message_id": row["message_id"], "status": status}


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
    return {"message_id": number, "order_id": f"order-{number}"} | fields


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so; fail after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
