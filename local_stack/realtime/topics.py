"""Topics: the channels that joined under one name hear each other's broadcasts and presence."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from local_stack.realtime.presence import Presence

if TYPE_CHECKING:
    from local_stack.realtime.channel import Channel


class Topic:
    """The channels of one name."""

    def __init__(self) -> None:
        self.members: set[Channel] = set()
        self.presence = Presence()

    def broadcast(self, sender: "Channel", payload: str) -> None:
        """Send a JSON payload to the others, and to the sender if it wants its own."""
        for member in self._hearing(sender):
            member.push("broadcast", payload)

    def broadcast_bytes(self, sender: "Channel", event: str, payload: bytes) -> None:
        """The same with bytes; channels whose protocol has none do not hear it."""
        for member in self._hearing(sender):
            member.push_bytes(event, payload)

    def tell_presence(self, difference: str) -> None:
        """Send a difference to all that follow presence."""
        for member in tuple(self.members):
            if member.follows_presence:
                member.push("presence_diff", difference)

    def _hearing(self, sender: "Channel") -> Iterator["Channel"]:
        for member in tuple(self.members):
            if member is not sender or sender.hears_itself:
                yield member


class Topics:
    """All topics that have a channel."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}

    def join(self, channel: "Channel") -> Topic:
        """Enter the channel's topic."""
        topic = self._topics.setdefault(channel.topic, Topic())
        topic.members.add(channel)
        return topic

    def leave(self, channel: "Channel") -> None:
        """Leave it; an empty topic is forgotten."""
        topic = self._topics.get(channel.topic)
        if topic is None:
            return
        topic.members.discard(channel)
        if not topic.members:
            del self._topics[channel.topic]

    def channels(self) -> list["Channel"]:
        """Every joined channel of the server."""
        return [channel for topic in self._topics.values() for channel in topic.members]
