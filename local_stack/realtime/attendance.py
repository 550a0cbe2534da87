"""One channel's own presence on its topic."""

from typing import Any

from local_stack.realtime.topics import Topic


class Attendance:
    """Absent until tracked."""

    def __init__(self, topic: Topic, key: str) -> None:
        self._topic = topic
        self._key = key
        self._meta: dict[str, Any] | None = None
        self._ref: str | None = None

    def track(self, meta: dict[str, Any]) -> None:
        """Be present with `meta`; those that follow presence are told of what is new."""
        if self._ref and meta == self._meta:
            return
        self._ref, difference = self._topic.presence.track(self._key, self._ref, meta)
        self._meta = meta
        self._topic.tell_presence(difference)

    def untrack(self) -> None:
        """Be absent."""
        if self._ref:
            difference = self._topic.presence.untrack(self._key, self._ref)
            self._ref = self._meta = None
            self._topic.tell_presence(difference)
