"""The listener against a WebSocket server that behaves badly."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest
from aiohttp import WSMsgType, web

from orderbase import _realtime
from orderbase._auth import AsyncAuth
from orderbase._feed import Mailbox, Position
from orderbase._realtime import Listener

KEY = "sb_secret_of_this_shop"
TOKENS = ("token-1", "token-2")


class Realtime:
    """Answers joins, and does to its sockets what a test wants."""

    def __init__(self) -> None:
        self.joins: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.refuse = False
        self._news = asyncio.Event()
        self.joined = asyncio.Event()
        self._sockets: list[tuple[web.WebSocketResponse, str]] = []
        self._transports: list[asyncio.Transport] = []

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._transports.append(cast(asyncio.Transport, request.transport))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, json.loads(message.data))
        return socket

    async def _answer(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        self.events.append(message["event"])
        self._news.set()
        if message["event"] != "phx_join":
            return
        self.joins.append(message["payload"])
        wanted = message["payload"]["config"]["postgres_changes"]
        reply: dict[str, Any] = {
            "status": "error" if self.refuse else "ok",
            "response": {"reason": "no"}
            if self.refuse
            else {"postgres_changes": [{**one, "id": 7} for one in wanted]},
        }
        self._sockets.append((socket, message["topic"]))
        await self._push(socket, message["topic"], "phx_reply", reply, message["ref"])
        self.joined.set()

    async def insert(self, record: dict[str, Any]) -> None:
        data: dict[str, Any] = {
            "schema": "public", "table": "order_events", "type": "INSERT", "errors": None,
            "commit_timestamp": "2026-01-01T00:00:00Z", "columns": [], "record": record,
        }  # fmt: skip
        await self.push("postgres_changes", {"ids": [7], "data": data})

    async def push(self, event: str, payload: dict[str, Any]) -> None:
        socket, topic = self._sockets[-1]
        await self._push(socket, topic, event, payload, None)

    async def next_join(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            await self.joined.wait()
        self.joined.clear()
        return self.joins[-1]

    async def heard(self, event: str) -> None:
        """Return when a client has sent this."""
        while event not in self.events:
            self._news.clear()
            await self._news.wait()

    async def say(self, text: str) -> None:
        await self._sockets[-1][0].send_str(text)

    async def hang_up(self) -> None:
        self._transports[-1].abort()

    async def close_politely(self) -> None:
        await self._sockets[-1][0].close()

    async def end_channel(self) -> None:
        await self.push("phx_close", {})

    async def report_trouble(self) -> None:
        payload = {
            "channel": "x",
            "extension": "postgres_changes",
            "message": "no",
            "status": "error",
        }
        await self.push("system", payload)

    @staticmethod
    async def _push(
        socket: web.WebSocketResponse, topic: str, event: str, payload: object, ref: str | None
    ) -> None:
        await socket.send_json({"topic": topic, "event": event, "payload": payload, "ref": ref})


class Session:
    """As much of AsyncAuth as the listener needs."""

    def __init__(self) -> None:
        self.current = TOKENS[0]
        self._callbacks: list[Callable[[], None]] = []

    async def token(self) -> str:
        return self.current

    @contextmanager
    def on_change(self, callback: Callable[[], None]) -> Generator[None, None, None]:
        self._callbacks.append(callback)
        yield
        self._callbacks.remove(callback)

    def refresh(self) -> None:
        self.current = TOKENS[1]
        for callback in self._callbacks:
            callback()


@pytest.fixture
async def realtime(monkeypatch: pytest.MonkeyPatch) -> Realtime:
    monkeypatch.setattr(_realtime, "_FIRST_DELAY", 0.0)
    return Realtime()


@pytest.fixture
async def url(realtime: Realtime) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/realtime/v1/websocket", realtime.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def listening(url: str, session: Session | None = None) -> AsyncGenerator[Mailbox, None]:
    auth = cast(AsyncAuth, session or Session())
    listener = Listener(auth, url=url, key=KEY, row_filter="user_id=eq.1")
    task = asyncio.create_task(listener.run())
    yield listener.hints
    task.cancel()
    await asyncio.wait([task])


async def looked(mailbox: Mailbox) -> None:
    """Return when the mailbox says that it is time to look."""
    async with asyncio.timeout(5):
        await mailbox.wait(mailbox.newest, 60)


async def test_it_joins_as_the_user_and_asks_for_inserts(realtime: Realtime, url: str) -> None:
    async with listening(url) as hints:
        join = await realtime.next_join()
        await looked(hints)
    assert join["access_token"] == TOKENS[0]
    assert join["config"]["postgres_changes"] == [
        {"event": "INSERT", "schema": "public", "table": "order_events", "filter": "user_id=eq.1"}
    ]


@pytest.mark.parametrize("xid", [12, "12"])
async def test_an_insert_is_a_hint_at_its_position(
    realtime: Realtime, url: str, xid: int | str
) -> None:
    async with listening(url) as hints:
        await realtime.next_join()
        await looked(hints)
        await realtime.insert({"xid": xid, "id": 34})
        async with asyncio.timeout(5):
            await hints.wait(Position(12, 33), 60)
    assert hints.newest == Position(12, 34)


@pytest.mark.parametrize("record", [{}, {"xid": None, "id": 1}, {"xid": "x", "id": 1}])
async def test_an_insert_without_a_position_is_a_nudge(
    realtime: Realtime, url: str, record: dict[str, Any]
) -> None:
    async with listening(url) as hints:
        await realtime.next_join()
        await looked(hints)
        await realtime.insert(record)
        await looked(hints)
    assert hints.newest == Position(0, 0)


@pytest.mark.parametrize("trouble", ["hang_up", "close_politely", "end_channel", "report_trouble"])
async def test_after_any_trouble_it_starts_over_and_asks_to_look(
    realtime: Realtime, url: str, trouble: str
) -> None:
    async with listening(url) as hints:
        for _ in range(3):
            await realtime.next_join()
            await looked(hints)
            await getattr(realtime, trouble)()
        await realtime.next_join()
        await looked(hints)
        await realtime.insert({"xid": 1, "id": 2})
        async with asyncio.timeout(5):
            await hints.wait(Position(1, 1), 60)


async def test_a_refused_join_is_tried_again(realtime: Realtime, url: str) -> None:
    realtime.refuse = True
    async with listening(url) as hints:
        await realtime.next_join()
        realtime.refuse = False
        await realtime.next_join()
        await looked(hints)


async def test_a_refreshed_token_joins_again(realtime: Realtime, url: str) -> None:
    session = Session()
    async with listening(url, session) as hints:
        await realtime.next_join()
        await looked(hints)
        session.refresh()
        join = await realtime.next_join()
    assert join["access_token"] == TOKENS[1]


async def test_the_environments_proxy_is_asked(
    realtime: Realtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.setenv("no_proxy", "elsewhere.test")
    async with listening("http://shop.test") as hints:
        await realtime.next_join()
        await looked(hints)


async def test_nobody_there_is_no_reason_to_stop(
    realtime: Realtime, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening("http://127.0.0.1:1") as hints:
        for _ in range(3):
            await looked(hints)
    assert "out of reach" in caplog.text
    assert realtime.joins == []


async def test_the_key_is_not_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(f"{url}/elsewhere") as hints:
        await looked(hints)
    assert "WSServerHandshakeError" in caplog.text
    assert KEY not in caplog.text


async def test_nothing_is_left_running(realtime: Realtime, url: str) -> None:
    before = asyncio.all_tasks()
    async with listening(url):
        await realtime.next_join()
    async with asyncio.timeout(5):
        while left := asyncio.all_tasks() - before:  # the server's side needs a moment
            await asyncio.wait(left)


async def test_heartbeats_keep_the_socket_open(
    realtime: Realtime, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_realtime, "_HEARTBEAT_SECONDS", 0.01)
    async with listening(url):
        async with asyncio.timeout(5):
            await realtime.heard("heartbeat")


@pytest.mark.parametrize("nonsense", ["", "[]", "{}", '{"event": 1, "payload": null}'])
async def test_nonsense_is_trouble(realtime: Realtime, url: str, nonsense: str) -> None:
    async with listening(url):
        await realtime.next_join()
        await realtime.say(nonsense)
        await realtime.next_join()
