"""Realtime over HTTP: the WebSocket that clients open, and broadcasts without one."""

from collections.abc import AsyncIterator

from aiohttp import web

from local_stack.realtime import broadcast_api, credentials
from local_stack.realtime.broadcast_api import RATE, SERVICE, refusal
from local_stack.realtime.connection import MAX_MESSAGE, Connection
from local_stack.realtime.frames import CODECS
from local_stack.realtime.limits import Limits, Rate
from local_stack.realtime.service import Service
from local_stack.settings import Settings
from local_stack.tokens import InvalidTokenError

_PING_EVERY = 25.0


def create_app(settings: Settings, limits: Limits | None = None) -> web.Application:
    """Realtime of one stack, to be mounted under `/realtime/v1`."""
    app = web.Application()
    limits = limits or Limits()
    app[SERVICE] = Service(settings, limits)
    app[RATE] = Rate(limits.events_per_second)
    app.cleanup_ctx.append(_running)
    app.on_shutdown.append(_close_connections)
    app.router.add_get("/websocket", _websocket)
    app.router.add_post("/api/broadcast", broadcast_api.broadcast_batch)
    app.router.add_post("/api/broadcast/{topic}/events/{event}", broadcast_api.broadcast_one)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    async with app[SERVICE].running():
        yield


async def _close_connections(app: web.Application) -> None:
    await app[SERVICE].close_connections()


async def _websocket(request: web.Request) -> web.StreamResponse:
    service = request.app[SERVICE]
    codec = CODECS.get(request.query.get("vsn", "1.0.0"))
    if codec is None:
        return refusal(400, f"Unsupported vsn: this server speaks {' and '.join(CODECS)}")
    try:
        key = credentials.read(service.tokens, service.tokens.of_request(request) or "")
    except InvalidTokenError as error:
        return refusal(401, f"Invalid API key: {error}")
    socket = web.WebSocketResponse(heartbeat=_PING_EVERY, max_msg_size=MAX_MESSAGE, compress=False)
    if not socket.can_prepare(request) or request.transport is None:
        return refusal(426, "This address is for WebSocket clients")
    await socket.prepare(request)
    connection = Connection(service, socket, request.transport, codec, key)
    service.connections.add(connection)
    try:
        await connection.run()
    finally:
        service.connections.discard(connection)
    return socket
