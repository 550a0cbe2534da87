"""One topic that one client has joined."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local_stack.realtime import credentials as credentials_of
from local_stack.realtime.credentials import Credentials
from local_stack.realtime.frames import Frame, Ref
from local_stack.realtime.requests import ChangesRequest, JoinRequest
from local_stack.realtime.subscribing import SubscriptionRefusedError
from local_stack.tokens import InvalidTokenError

if TYPE_CHECKING:
    from local_stack.realtime.connection import Connection

PREFIX = "realtime:"
_CHANGES, _SYSTEM = "postgres_changes", "system"
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
    ) -> None:
        options = request.config
        self.topic = frame.topic
        self.credentials = credentials
        self.join_ref: Ref = frame.join_ref or frame.ref
        self.hears_itself = bool(options.broadcast and options.broadcast.to_self)
        self.follows_presence = bool(options.presence and options.presence.enabled)
        self.changes = [(next(_ids), each) for each in changes]
        self._connection = connection
        self._service = connection.service
        self._options = options
        self._presence_key = (options.presence and options.presence.key) or str(uuid.uuid4())
        self._presence_ref: str | None = None
        self._subscribing: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._joined = False

    def open(self, ref: Ref) -> None:
        """Enter the topic, answer the join, and start to subscribe to changes."""
        self._joined = True
        self._home = self._service.topics.join(self)
        self._expire_in_time()
        waiting = self._options.postgres_changes_options
        if self.changes and waiting and waiting.wait:
            self._subscribing = asyncio.create_task(self._subscribe_first(ref, waiting.seconds))
            return
        self._confirm(ref)
        self.subscribe()

    def leave(self) -> None:
        """Leave without a word: the client asked for it, or is gone."""
        if not self._joined:
            return
        self._joined = False
        for pending in (self._subscribing, self._expiry):
            if pending:
                pending.cancel()
        self._service.index.remove(self)
        self._untrack()
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

    def handle(self, frame: Frame) -> None:
        """Act on a message of the client."""
        match frame.event:
            case "broadcast":
                self._broadcast(frame)
            case "presence":
                self._presence(frame)
            case "access_token":
                self._renew(frame.payload.get("access_token"))
            case _:
                self._reply(frame.ref, "error", {"reason": f"unknown event {frame.event}"})

    def push(self, event: str, payload: str, ref: Ref = None) -> None:
        """Send an event with a JSON payload to the client."""
        if self._joined:
            self._connection.push(self.topic, event, payload, ref, self.join_ref)

    def push_bytes(self, event: str, payload: bytes) -> None:
        """Send a broadcast of bytes to the client, if its protocol has them."""
        self._connection.push_bytes(self.topic, event, payload)

    def push_change(self, ids: Sequence[int], data: str) -> None:
        """Send a change, given as JSON, that matched these subscriptions."""
        self.push(_CHANGES, f'{{"ids":{json.dumps(ids)},"data":{data}}}')

    def push_system(self, status: str, message: str, extension: str = _SYSTEM) -> None:
        """Tell the client about the channel itself."""
        payload = {
            "channel": self.topic.removeprefix(PREFIX),
            "extension": extension,
            "message": message,
            "status": status,
        }
        self.push("system", json.dumps(payload))

    def _reply(self, ref: Ref, status: str, response: dict[str, Any]) -> None:
        self._connection.reply(self.topic, ref, status, response, self.join_ref)

    def _confirm(self, ref: Ref) -> None:
        entries = self._options.postgres_changes or []
        with_ids = [
            {**entry, "id": id_} for entry, (id_, _) in zip(entries, self.changes, strict=True)
        ]
        self._reply(ref, "ok", {"postgres_changes": with_ids})
        if self.follows_presence:
            self.push("presence_state", self._home.presence.state())

    async def _subscribe(self) -> None:
        try:
            await self._service.subscribe(self)
        except SubscriptionRefusedError as refusal:
            self.push_system("error", str(refusal), _CHANGES)
        else:
            self.push_system("ok", "Subscribed to PostgreSQL", _CHANGES)

    async def _subscribe_first(self, ref: Ref, seconds: float) -> None:
        """Subscribe before the join is answered."""
        try:
            await asyncio.wait_for(self._service.subscribe(self), seconds)
        except TimeoutError:
            self._refuse(ref, "PostgresChangesSubscribeTimeout: the database did not answer")
        except SubscriptionRefusedError as refusal:
            self._refuse(ref, f"RealtimeDisabledForConfiguration: {refusal}")
        else:
            self._confirm(ref)
            self.push_system("ok", "Subscribed to PostgreSQL", _CHANGES)

    def _refuse(self, ref: Ref, reason: str) -> None:
        self._reply(ref, "error", {"reason": reason})
        self._connection.forget(self)
        self._subscribing = None
        self.leave()

    def _expire_in_time(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        seconds = self.credentials.expires_at - time.time()
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(max(0, seconds), self.close, "Token has expired")

    def _renew(self, token: object) -> None:
        """See with a newer token; what is no user's token is ignored, as Supabase does."""
        if not isinstance(token, str) or token.startswith("sb_"):
            return
        if token == self.credentials.token:
            return
        try:
            renewed = credentials_of.read(self._service.tokens, token)
        except InvalidTokenError as error:
            self.close(f"InvalidJWTToken: {error}")
            return
        self.credentials = renewed
        self._expire_in_time()
        self.subscribe()

    def _broadcast(self, frame: Frame) -> None:
        event, payload = frame.payload.get("event"), frame.payload.get("payload")
        if not isinstance(event, str):
            self._reply(frame.ref, "error", {"reason": "a broadcast needs an event"})
            return
        if isinstance(payload, bytes):
            self._home.broadcast_bytes(self, event, payload)
        else:
            self._home.broadcast(self, json.dumps(frame.payload))
        if self._options.broadcast and self._options.broadcast.ack:
            self._reply(frame.ref, "ok", {})

    def _presence(self, frame: Frame) -> None:
        match frame.payload.get("event"), frame.payload.get("payload"):
            case "track", dict() | None as meta:
                key, presence = self._presence_key, self._home.presence
                self._presence_ref, difference = presence.track(key, self._presence_ref, meta or {})
                self._home.tell_presence(difference)
            case "untrack", _:
                self._untrack()
            case _:
                self._reply(frame.ref, "error", {"reason": "presence is tracked or untracked"})
                return
        self._reply(frame.ref, "ok", {})

    def _untrack(self) -> None:
        if self._presence_ref:
            difference = self._home.presence.untrack(self._presence_key, self._presence_ref)
            self._presence_ref = None
            self._home.tell_presence(difference)
