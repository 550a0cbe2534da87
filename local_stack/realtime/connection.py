"""One client's WebSocket: reads its messages, writes to it, and drops it when it does not read."""

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError, WSMsgType, web

from local_stack.realtime import credentials as credentials_of
from local_stack.realtime.authorization import (
    BROADCAST,
    EVERYTHING,
    AuthorizationError,
    Extensions,
)
from local_stack.realtime.channel import NOT_READABLE, PREFIX, Channel
from local_stack.realtime.credentials import Credentials
from local_stack.realtime.frames import Codec, Frame, MalformedFrameError, Ref
from local_stack.realtime.limits import Rate
from local_stack.realtime.requests import ChannelOptions, InvalidJoinError, JoinRequest
from local_stack.tokens import InvalidTokenError

if TYPE_CHECKING:
    from local_stack.realtime.service import Service

MAX_MESSAGE = 3_000_000
"""Bytes of one message from a client."""
MAX_UNREAD = 8_000_000
"""Bytes that wait for a client before it is dropped."""
MAX_CHANNELS = 100
_FRAME_COST = 100
_INVALID_PAYLOAD = 1007


class JoinRefusedError(Exception):
    """The client cannot have this channel; the message is the reason that it is told."""


class Connection:
    """Owns the channels of one client, whose messages it deals with one after another."""

    def __init__(
        self,
        service: "Service",
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        codec: Codec,
        credentials: Credentials,
    ) -> None:
        self.service = service
        self._socket = socket
        self._transport = transport
        self._codec = codec
        self._credentials = credentials
        self._channels: dict[str, Channel] = {}
        self._unread: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._unread_bytes = 0
        self._joins = Rate(service.limits.joins_per_second)
        self.broadcasts = Rate(service.limits.events_per_second)
        """How often it may still send."""

    async def run(self) -> None:
        """Serve the client until it goes."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._receive(self._codec.decode(message.data))
        except MalformedFrameError as error:
            await self._socket.close(code=_INVALID_PAYLOAD, message=str(error).encode())
        finally:
            writer.cancel()
            for channel in self._channels.values():
                channel.leave()

    async def close(self, code: int) -> None:
        """Close from the server's side; a client that does not answer is not waited for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._socket.close(code=code), 1)
        self._transport.abort()

    def push(self, topic: str, event: str, payload: str, ref: Ref, join_ref: Ref) -> None:
        """Send an event with a JSON payload."""
        self._send(self._codec.encode(topic, event, payload, ref, join_ref))

    def push_bytes(self, topic: str, event: str, payload: bytes, meta: str) -> None:
        """Send a broadcast of bytes, if the client's protocol has them."""
        frame = self._codec.encode_binary(topic, event, payload, meta)
        if frame:
            self._send(frame)

    def reply(
        self, topic: str, ref: Ref, status: str, response: dict[str, Any], join_ref: Ref = None
    ) -> None:
        """Answer the message with this reference."""
        payload = json.dumps({"status": status, "response": response})
        self.push(topic, "phx_reply", payload, ref, join_ref)

    def forget(self, channel: Channel) -> None:
        """The channel has ended."""
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]

    def _send(self, frame: str | bytes) -> None:
        self._unread_bytes += len(frame) + _FRAME_COST
        if self._unread_bytes > MAX_UNREAD:
            self._transport.abort()
            return
        self._unread.put_nowait(frame)

    async def _write(self) -> None:
        with suppress(ClientConnectionError, ConnectionError):
            while True:
                frame = await self._unread.get()
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)
                self._unread_bytes -= len(frame) + _FRAME_COST

    async def _receive(self, frame: Frame) -> None:
        channel = self._channels.get(frame.topic)
        if frame.topic == "phoenix" and frame.event == "heartbeat":
            self.reply(frame.topic, frame.ref, "ok", {})
        elif frame.event == "phx_join":
            await self._join(frame, channel)
        elif frame.event == "phx_leave":
            self._leave(frame, channel)
        elif channel is None:
            self.reply(frame.topic, frame.ref, "error", {"reason": "unmatched topic"})
        elif frame.join_ref in {None, channel.join_ref}:
            await channel.handle(frame)

    async def _join(self, frame: Frame, replaced: Channel | None) -> None:
        # The replaced channel is not told `phx_close`: a client that does not look at join_ref
        # would take it for the end of the new one.
        if replaced:
            self.forget(replaced)
            replaced.leave()
        try:
            channel = await self._channel(frame)
        except JoinRefusedError as refusal:
            reason = {"reason": str(refusal)}
            self.reply(frame.topic, frame.ref, "error", reason, frame.join_ref)
            return
        self._channels[frame.topic] = channel
        await channel.open(frame.ref)

    async def _channel(self, frame: Frame) -> Channel:
        if not frame.topic.removeprefix(PREFIX) or not frame.topic.startswith(PREFIX):
            raise JoinRefusedError("unmatched topic")
        if len(self._channels) >= MAX_CHANNELS:
            raise JoinRefusedError("ChannelRateLimitReached: Too many channels")
        if not self._joins.allows():
            raise JoinRefusedError("ClientJoinRateLimitReached: Too many joins per second")
        try:
            request, changes = JoinRequest.read(frame.payload)
            credentials = self._credentials_of(request.access_token)
            readable = await self._readable(frame.topic, credentials, request.config)
        except InvalidJoinError as error:
            raise JoinRefusedError(f"InvalidJoinPayload: {error}") from error
        except InvalidTokenError as error:
            raise JoinRefusedError(f"InvalidJWTToken: {error}") from error
        except AuthorizationError as error:
            raise JoinRefusedError(str(error)) from error
        return Channel(self, frame, credentials, request, changes, readable)

    async def _readable(
        self, topic: str, credentials: Credentials, options: ChannelOptions
    ) -> Extensions:
        """What the client may read there, which is not nothing."""
        if not options.private:
            if options.broadcast.replay:
                raise JoinRefusedError(
                    "UnableToReplayMessages: Replay is not allowed for public channels"
                )
            return EVERYTHING
        name = topic.removeprefix(PREFIX)
        readable = await self.service.authorization.readable(name, credentials)
        if not readable or (options.broadcast.replay and BROADCAST not in readable):
            raise JoinRefusedError(f"Unauthorized: {NOT_READABLE}: {name}")
        return readable

    def _credentials_of(self, token: str | None) -> Credentials:
        """Those of the user's token; without one, of the key that opened the connection."""
        if not token or token.startswith("sb_"):
            token = self._credentials.token
        return credentials_of.read(self.service.tokens, token)

    def _leave(self, frame: Frame, channel: Channel | None) -> None:
        self.reply(frame.topic, frame.ref, "ok", {}, frame.join_ref)
        if channel and frame.join_ref in {None, channel.join_ref}:
            channel.push("phx_close", "{}", ref=channel.join_ref)
            self.forget(channel)
            channel.leave()
