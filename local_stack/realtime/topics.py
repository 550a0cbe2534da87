"""Topics: the channels that joined under one name hear each other's broadcasts and presence."""

from typing import TYPE_CHECKING

from local_stack.realtime.broadcasts import Broadcast
from local_stack.realtime.presence import Presence

if TYPE_CHECKING:
    from local_stack.realtime.channel import Channel


class Topic:
    """The channels of one name."""

    def __init__(self) -> None:
        self.members: set[Channel] = set()
        self.presence = Presence()

    def broadcast(self, broadcast: Broadcast, sender: "Channel | None" = None) -> None:
        """Send to all that may read it, to the sender only if it wants its own."""
        for member in tuple(self.members):
            if member.hears_broadcasts and (member is not sender or sender.hears_itself):
                member.push_broadcast(broadcast)

    def tell_presence(self, difference: str) -> None:
        """Send a difference to all that follow presence."""
        for member in tuple(self.members):
            if member.hears_presence:
                member.push("presence_diff", difference)


class Topics:
    """All topics that have a channel; the private and the public one of a name do not meet."""

    def __init__(self) -> None:
        self._topics: dict[tuple[str, bool], Topic] = {}

    def find(self, name: str, *, private: bool) -> Topic | None:
        """The topic of this name (without `realtime:`), if it has a channel."""
        return self._topics.get((name, private))

    def join(self, channel: "Channel") -> Topic:
        """Enter the channel's topic."""
        topic = self._topics.setdefault((channel.name, channel.private), Topic())
        topic.members.add(channel)
        return topic

    def leave(self, channel: "Channel") -> None:
        """Leave it; an empty topic is forgotten."""
        key = channel.name, channel.private
        topic = self._topics.get(key)
        if topic is None:
            return
        topic.members.discard(channel)
        if not topic.members:
            del self._topics[key]

    def channels(self) -> list["Channel"]:
        """Every joined channel of the server."""
        return [channel for topic in self._topics.values() for channel in topic.members]
