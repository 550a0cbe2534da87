"""What one client sends on a channel: broadcasts and its presence."""

import json
from typing import TYPE_CHECKING, Any

from local_stack.realtime.attendance import Attendance
from local_stack.realtime.authorization import (
    BROADCAST,
    EVERYTHING,
    PRESENCE,
    Authorization,
    AuthorizationError,
    Extensions,
)
from local_stack.realtime.broadcasts import Broadcast
from local_stack.realtime.frames import Frame
from local_stack.realtime.limits import Limits, Rate, Window
from local_stack.realtime.topics import Topic

if TYPE_CHECKING:
    from local_stack.realtime.channel import Channel


class Voice:
    """Sends what the policies permit and the limits allow; too much of it ends the channel."""

    def __init__(
        self,
        channel: "Channel",
        topic: Topic,
        attendance: Attendance,
        authorization: Authorization,
        rate: Rate,
        limits: Limits,
    ) -> None:
        self._channel = channel
        self._topic = topic
        self._attendance = attendance
        self._authorization = authorization
        self._rate = rate
        self._presence_calls = Window(limits.presence_calls, limits.presence_window)
        self.forget_rights()

    def forget_rights(self) -> None:
        """Ask the policies again: the channel has a new token."""
        self._writable: Extensions | None = None if self._channel.private else EVERYTHING

    def end(self) -> None:
        """The client is here no more."""
        self._attendance.untrack()

    async def broadcast(self, frame: Frame) -> None:
        """Send a broadcast; without the right to, nothing happens."""
        event, payload = frame.payload.get("event"), frame.payload.get("payload")
        if not isinstance(event, str):
            self._channel.reply(frame.ref, "error", {"reason": "a broadcast needs an event"})
            return
        if not self._rate.allows():
            self._channel.close("Too many messages per second")
            return
        if not await self._may_write(BROADCAST):
            return
        content = payload if isinstance(payload, bytes) else json.dumps(frame.payload)
        self._topic.broadcast(Broadcast(event, content), self._channel)
        if self._channel.acknowledges:
            self._channel.reply(frame.ref, "ok", {})

    async def attend(self, frame: Frame) -> None:
        """Track or untrack."""
        if not self._presence_calls.allows():
            self._channel.close("Client presence rate limit exceeded")
            return
        refusal = await self._attend(frame.payload)
        if refusal:
            self._channel.reply(frame.ref, "error", {"reason": refusal})
        else:
            self._channel.reply(frame.ref, "ok", {})

    async def _attend(self, payload: dict[str, Any]) -> str | None:
        """Gives the reason why not."""
        match str(payload.get("event")).lower(), payload.get("payload"):
            case "track", dict() | None as meta:
                if not await self._may_write(PRESENCE):
                    name = self._channel.name
                    return f"You do not have permissions to write to this Channel topic: {name}"
                self._channel.follows_presence = True
                self._attendance.track(meta or {})
            case "track", _:
                return "Presence track payload must be a map"
            case "untrack", _:
                self._attendance.untrack()
            case _:
                return "presence is tracked or untracked"
        return None

    async def _may_write(self, extension: str) -> bool:
        """Asks the policies once for each token."""
        channel = self._channel
        if self._writable is None:
            try:
                rights = await self._authorization.writable(channel.name, channel.credentials)
            except AuthorizationError:
                return False
            self._writable = rights
        return channel.is_joined and extension in self._writable
