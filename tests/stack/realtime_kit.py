"""What the tests of Realtime share: a server, tables, tokens and a client without comforts."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import psycopg
from aiohttp import web

from local_stack.ports import HOST
from local_stack.realtime import create_app
from local_stack.realtime.limits import Limits
from local_stack.settings import Settings
from local_stack.tokens import Tokens

PATIENCE = 30.0
Message = dict[str, Any]


@asynccontextmanager
async def serve(settings: Settings, limits: Limits | None = None) -> AsyncIterator[str]:
    """Realtime mounted as the gateway mounts it; gives the API's address."""
    app = web.Application()
    app.add_subapp("/realtime/v1", create_app(settings, limits))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def token(
    settings: Settings, user: str, *, seconds: int = 3600, role: str = "authenticated"
) -> str:
    """A user's access token, such as Auth signs."""
    now = int(time.time())
    claims = {"sub": user, "role": role, "aud": role, "iat": now, "exp": now + seconds}
    return Tokens(settings.keys).sign({**claims, "session_id": str(uuid.uuid4())})


def connect(settings: Settings) -> psycopg.Connection:
    """A session that sees its commits in the change stream at once."""
    return psycopg.connect(
        settings.database_url(), autocommit=True, options="-c synchronous_commit=on"
    )


@dataclass(frozen=True)
class Table:
    """A published table of its own for each test."""

    db: psycopg.Connection
    name: str

    @classmethod
    def create(cls, db: psycopg.Connection, columns: str, *, rls: bool = True) -> "Table":
        """Make it in `public`; with RLS, users see the rows of their own user_id."""
        table = cls(db, f"t_{uuid.uuid4().hex[:12]}")
        table.run(f"create table TABLE ({columns})")
        if rls:
            table.run("alter table TABLE enable row level security")
            table.run(
                "create policy own on TABLE for select to authenticated "
                "using (user_id = (select auth.uid()))"
            )
        table.run("alter publication supabase_realtime add table TABLE")
        return table

    def run(self, statement: str, *values: object) -> None:
        """Run a statement in which TABLE stands for its name, and commit."""
        self.db.execute(re.sub(r"\bTABLE\b", self.name, statement).encode(), values)

    def count(self) -> int:
        """How many rows are visible now."""
        row = self.db.execute(f"select count(*) from {self.name}".encode()).fetchone()
        assert row
        return int(row[0])

    def entry(self, event: str = "*", **more: Any) -> Message:  # noqa: ANN401 - filter, select
        """What subscribes to its changes."""
        return {"event": event, "schema": "public", "table": self.name, **more}


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - conditions of clients that offer no event
            await asyncio.sleep(0.005)


class PlainClient:
    """A WebSocket client that shows every message, in protocol 2.0.0."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._ref = 0

    async def send(self, topic: str, event: str, payload: Message | None = None) -> str:
        """Send an event; gives its reference."""
        self._ref += 1
        ref = str(self._ref)
        await self.socket.send_str(json.dumps([None, ref, topic, event, payload or {}]))
        return ref

    async def receive(self) -> Message:
        """The next message."""
        message = await self.socket.receive(PATIENCE)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        join_ref, ref, topic, event, payload = json.loads(message.data)
        return {
            "join_ref": join_ref,
            "ref": ref,
            "topic": topic,
            "event": event,
            "payload": payload,
        }

    async def until(self, event: str) -> Message:
        """The payload of the next message of this kind; others are passed over."""
        while True:
            message = await self.receive()
            if message["event"] == event:
                payload: Message = message["payload"]
                return payload

    async def reply(self, ref: str) -> Message:
        """The answer to the message with this reference."""
        while True:
            message = await self.receive()
            if message["event"] == "phx_reply" and message["ref"] == ref:
                payload: Message = message["payload"]
                return payload

    async def is_silent(self) -> bool:
        """Whether nothing has come before the answer to a heartbeat sent now."""
        ref = await self.send("phoenix", "heartbeat")
        return bool((await self.receive())["ref"] == ref)

    async def join(self, topic: str, config: Message, access_token: str | None = None) -> Message:
        """Join a topic; gives the reply."""
        payload = {"config": config, "access_token": access_token}
        return await self.reply(await self.send(f"realtime:{topic}", "phx_join", payload))

    async def listen(
        self, topic: str, *changes: Message, access_token: str | None = None
    ) -> Message:
        """Join with these changes; gives the system message that tells how it went."""
        reply = await self.join(topic, {"postgres_changes": changes}, access_token)
        assert reply["status"] == "ok", reply
        return await self.until("system")

    async def change(self) -> Message:
        """The data of the next change."""
        data: Message = (await self.until("postgres_changes"))["data"]
        return data


@asynccontextmanager
async def plain_client(url: str, settings: Settings, **query: str) -> AsyncIterator[PlainClient]:
    """A connection with the publishable key."""
    parameters = {"apikey": settings.keys.publishable_key, "vsn": "2.0.0", **query}
    address = f"{url}/realtime/v1/websocket"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address, params=parameters) as socket,
    ):
        yield PlainClient(socket)
