"""An integrator's server: keeps what it gets and answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.database.conftest import Row

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification
OLDER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - of a test


async def no_content(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class Receiver:
    """What came, in its order."""

    url: str = ""
    answer: Answer = no_content
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    peers: list[object] = field(default_factory=list)
    """The connection of each request."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.peers.append(request.transport)
        return await self.answer(request)

    def job(self, **changed: Any) -> Row:  # noqa: ANN401 - any field
        """A delivery to it."""
        return {
            "message_id": 1, "starts": 1, "webhook_id": "msg_1", "url": self.url, "type": "a.b",
            "body": '{"type": "a.b", "data": {"text": "é"}}', "secrets": [SECRET],
        } | changed  # fmt: skip


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serve on a free port of the loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.receive)
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    receiver.url = str(server.make_url("/hooks"))
    yield receiver
    await server.close()


@dataclass
class Listener:
    """Counts who connects, and says nothing."""

    port: int = 0
    connections: int = 0


@asynccontextmanager
async def listening(host: str = "127.0.0.1") -> AsyncIterator[Listener]:
    """Listen on a free port."""
    listener = Listener()

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        writer.close()

    server = await asyncio.start_server(count, host, 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()
    await server.wait_closed()
