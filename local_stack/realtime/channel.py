"""One topic that one client has joined."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from local_stack.realtime import credentials as credentials_of
from local_stack.realtime.attendance import Attendance
from local_stack.realtime.authorization import (
    BROADCAST,
    EVERYTHING,
    PRESENCE,
    AuthorizationError,
    Extensions,
)
from local_stack.realtime.broadcasts import Broadcast
from local_stack.realtime.credentials import Credentials
from local_stack.realtime.frames import Frame, Ref
from local_stack.realtime.requests import ChangesRequest, JoinRequest
from local_stack.realtime.subscribing import SubscriptionRefusedError
from local_stack.realtime.voice import Voice
from local_stack.tokens import InvalidTokenError

if TYPE_CHECKING:
    from local_stack.realtime.connection import Connection

PREFIX = "realtime:"
NOT_READABLE = "You do not have permissions to read from this Channel topic"
_CHANGES, _SYSTEM = "postgres_changes", "system"
_CHECK_TOKEN_EVERY = 300.0
_ids = itertools.count(1)


class Channel:
    """Lives from `phx_join` until it leaves, is replaced, or its token expires."""

    def __init__(
        self,
        connection: "Connection",
        frame: Frame,
        credentials: Credentials,
        request: JoinRequest,
        changes: list[ChangesRequest],
        readable: Extensions,
    ) -> None:
        options = request.config
        self.topic = frame.topic
        self.name = frame.topic.removeprefix(PREFIX)
        self.private = options.private
        self.credentials = credentials
        self.join_ref: Ref = frame.join_ref or frame.ref
        self.hears_itself = options.broadcast.to_self
        self.acknowledges = options.broadcast.ack
        self.follows_presence = options.presence.enabled
        self.changes = [(next(_ids), each) for each in changes]
        self._connection = connection
        self._service = connection.service
        self._options = options
        self._readable = readable
        self._held: list[Broadcast] | None = []
        self._replayed: set[str | None] = set()
        self._subscribing: asyncio.Task[None] | None = None
        self._token_check: asyncio.TimerHandle | None = None
        self._tells_ready: asyncio.Task[None] | None = None
        self.is_joined = False

    @property
    def hears_broadcasts(self) -> bool:
        return BROADCAST in self._readable

    @property
    def hears_presence(self) -> bool:
        return self.follows_presence and PRESENCE in self._readable

    async def open(self, ref: Ref) -> None:
        """Enter the topic, answer the join, and start to subscribe to changes."""
        self.is_joined = True
        self._home = self._service.topics.join(self)
        attendance = Attendance(self._home, self._options.presence.key or str(uuid.uuid4()))
        self._voice = Voice(
            self,
            self._home,
            attendance,
            self._service.authorization,
            self._connection.broadcasts,
            self._service.limits,
        )
        self._check_token_in_time()
        try:
            missed = await self._missed()
        except (psycopg.Error, UnicodeError):
            self._refuse(ref, "UnableToReplayMessages: Realtime was unable to replay messages")
            return
        waiting = self._options.postgres_changes_options
        if self.changes and waiting and waiting.wait:
            first = self._subscribe_first(ref, missed, waiting.seconds)
            self._subscribing = asyncio.create_task(first)
            return
        self._confirm(ref, missed)
        self.subscribe()

    def leave(self) -> None:
        """Leave without a word: the client asked for it, or is gone."""
        if not self.is_joined:
            return
        self.is_joined = False
        for pending in (self._subscribing, self._tells_ready, self._token_check):
            if pending:
                pending.cancel()
        self._service.index.remove(self)
        self._voice.end()
        self._service.topics.leave(self)

    def close(self, reason: str) -> None:
        """End the channel from the server's side, saying why."""
        self.push_system("error", reason)
        self.push("phx_close", "{}", ref=self.join_ref)
        self._connection.forget(self)
        self.leave()

    def subscribe(self) -> None:
        """Subscribe to the changes, again if need be, and say when it is done."""
        if self.changes and (self._subscribing is None or self._subscribing.done()):
            self._subscribing = asyncio.create_task(self._subscribe())

    async def handle(self, frame: Frame) -> None:
        """Act on a message of the client."""
        match frame.event:
            case "broadcast":
                await self._voice.broadcast(frame)
            case "presence":
                await self._voice.attend(frame)
            case "access_token":
                await self._renew(frame.payload.get("access_token"))
            case _:
                self.reply(frame.ref, "error", {"reason": f"unknown event {frame.event}"})

    def reply(self, ref: Ref, status: str, response: dict[str, Any]) -> None:
        """Answer the message with this reference."""
        if self.is_joined:
            self._connection.reply(self.topic, ref, status, response, self.join_ref)

    def push(self, event: str, payload: str, ref: Ref = None) -> None:
        """Send an event with a JSON payload to the client."""
        if self.is_joined:
            self._connection.push(self.topic, event, payload, ref, self.join_ref)

    def push_broadcast(self, broadcast: Broadcast) -> None:
        """Send a broadcast to the client; bytes only if its protocol has them."""
        if self._held is not None:
            self._held.append(broadcast)
        elif broadcast.id in self._replayed:
            return
        elif isinstance(broadcast.content, str):
            self.push("broadcast", broadcast.content)
        elif self.is_joined:
            meta = json.dumps(broadcast.meta) if broadcast.meta else ""
            self._connection.push_bytes(self.topic, broadcast.event, broadcast.content, meta)

    def push_change(self, ids: Sequence[int], data: str) -> None:
        """Send a change, given as JSON, that matched these subscriptions."""
        self.push(_CHANGES, f'{{"ids":{json.dumps(ids)},"data":{data}}}')

    def push_system(self, status: str, message: str, extension: str = _SYSTEM) -> None:
        """Tell the client about the channel itself."""
        payload = {
            "channel": self.name,
            "extension": extension,
            "message": message,
            "status": status,
        }
        self.push("system", json.dumps(payload))

    def push_changes_error(self, message: str) -> None:
        """Say that changes have been missed."""
        self.push_system("error", message, _CHANGES)

    async def _missed(self) -> list[Broadcast]:
        """What is to be replayed; what is sent meanwhile is held back."""
        replay = self._options.broadcast.replay
        if replay is None:
            return []
        return await self._service.recent(self.name, replay.since, replay.count)

    def _confirm(self, ref: Ref, missed: list[Broadcast]) -> None:
        entries = self._options.postgres_changes or []
        with_ids = [
            {**entry, "id": id_} for entry, (id_, _) in zip(entries, self.changes, strict=True)
        ]
        self.reply(ref, "ok", {"postgres_changes": with_ids})
        if self.hears_presence:
            self.push("presence_state", self._home.presence.state())
        held, self._held = self._held or [], None
        for broadcast in missed:
            self.push_broadcast(broadcast)
        # What the query found may still be on its way in the stream.
        self._replayed = {broadcast.id for broadcast in missed}
        for broadcast in held:
            self.push_broadcast(broadcast)
        if self._options.broadcast.replication_ready:
            self._tells_ready = asyncio.create_task(self._tell_ready())

    async def _tell_ready(self) -> None:
        await self._service.live.wait()
        self.push_system("ok", "Replication connection established")

    async def _subscribe(self) -> None:
        try:
            await self._service.subscribe(self)
        except SubscriptionRefusedError as refusal:
            self.push_changes_error(str(refusal))
        else:
            self.push_system("ok", "Subscribed to PostgreSQL", _CHANGES)

    async def _subscribe_first(self, ref: Ref, missed: list[Broadcast], seconds: float) -> None:
        """Subscribe before the join is answered."""
        try:
            await asyncio.wait_for(self._service.subscribe(self), seconds)
        except TimeoutError:
            self._refuse(ref, "PostgresChangesSubscribeTimeout: the database did not answer")
        except SubscriptionRefusedError as refusal:
            self._refuse(ref, f"RealtimeDisabledForConfiguration: {refusal}")
        else:
            self._confirm(ref, missed)
            self.push_system("ok", "Subscribed to PostgreSQL", _CHANGES)

    def _refuse(self, ref: Ref, reason: str) -> None:
        self.reply(ref, "error", {"reason": reason})
        self._connection.forget(self)
        self._subscribing = None
        self.leave()

    def _check_token_in_time(self) -> None:
        if self._token_check:
            self._token_check.cancel()
        # A sleeping machine's timers stand still: the clock is looked at now and then.
        seconds = min(_CHECK_TOKEN_EVERY, max(0, self.credentials.expires_at - time.time()))
        self._token_check = asyncio.get_running_loop().call_later(seconds, self._check_token)

    def _check_token(self) -> None:
        if self.credentials.expires_at <= time.time():
            self.close("Token has expired")
        else:
            self._check_token_in_time()

    async def _renew(self, token: object) -> None:
        """See with a newer token; what is no user's token is ignored, as Supabase does."""
        if not isinstance(token, str) or token.startswith("sb_"):
            return
        if token == self.credentials.token:
            return
        try:
            renewed = credentials_of.read(self._service.tokens, token)
            readable = await self._readable_with(renewed)
        except InvalidTokenError as error:
            self.close(f"InvalidJWTToken: {error}")
            return
        except AuthorizationError as error:
            self.close(str(error))
            return
        if self._readable - readable:
            lost = "You no longer have permission to read from this Channel topic"
            self.close(f"{lost if readable else NOT_READABLE}: {self.name}")
        elif self.is_joined:
            self._see_with(renewed, readable)

    async def _readable_with(self, credentials: Credentials) -> Extensions:
        if not self.private:
            return EVERYTHING
        return await self._service.authorization.readable(self.name, credentials)

    def _see_with(self, credentials: Credentials, readable: Extensions) -> None:
        self.credentials = credentials
        self._readable = readable
        self._voice.forget_rights()
        self._check_token_in_time()
        self.subscribe()
