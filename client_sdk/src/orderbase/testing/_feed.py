"""The fake shop's feed, and what says at once that there is something new in it."""

import asyncio
import re
from itertools import islice

from orderbase._feed import Mailbox, Position
from orderbase.testing._caller import Caller
from orderbase.testing._refusals import refuse
from orderbase.testing._store import Row, Store

_POSITION = re.compile(r"\d{1,19}-\d{1,18}")
_COLUMNS = ("order_id", "user_id", "type", "status", "version", "data", "created_at")
_MAX_ROWS = 1000
_AHEAD = (
    "The feed has not come that far: this position is from another database, or from before this "
    "one was restored. Begin with a new position or snapshot."
)


class Feed:
    """The verbs that read the feed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def order_feed(self, caller: Caller, arguments: Row) -> list[Row]:
        """The caller's events after a position; for staff, all.

        Raises:
            Refusal: the position or the number of rows is none, or the feed is not that far.
        """
        after, wanted = arguments.get("after"), arguments.get("max_rows", 100)
        if not isinstance(wanted, int) or not 1 <= wanted <= _MAX_ROWS:
            raise refuse(422, "invalid_max_rows", "max_rows must be from 1 to 1000.")
        if after is not None and not _POSITION.fullmatch(after):
            raise refuse(422, "invalid_position", "This is not a position of the feed.")
        start = Position.parse(after or "0-0")
        if start > Position(self._store.transaction, 0):
            raise refuse(422, "position_ahead", _AHEAD)
        events = (
            _shown(event)
            for event in self._store.rows("order_events")
            if (caller.sees_all or caller.owns(event)) and _position(event) > start
        )
        return [*islice(events, wanted)]

    def order_feed_head(self, _caller: Caller, _arguments: Row) -> str:
        """The position before everything that is yet to come."""
        return f"{self._store.transaction}-0"


class Hints:
    """Tells whoever watches of each event, in whatever event loop they are."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def tell(self, xid: int, event_id: int) -> None:
        """There is an event at this position."""
        for listener in tuple(self._listeners):
            listener.hear(Position(xid, event_id))

    def listener(self) -> "Listener":
        """One that hears nothing before it runs."""
        return Listener(self._listeners)


class Listener:
    """Puts what happens in the fake shop into `hints`: what Realtime is to a real one."""

    def __init__(self, all_listeners: "set[Listener]") -> None:
        self._all = all_listeners
        self._loop: asyncio.AbstractEventLoop | None = None
        self.hints = Mailbox()

    async def run(self) -> None:
        """Listen until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._all.add(self)
        self.hints.nudge()
        try:
            await asyncio.Event().wait()
        finally:
            self._all.discard(self)

    def hear(self, position: Position) -> None:
        """An event has happened; called in any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.hints.hint, position)


def _position(event: Row) -> Position:
    return Position(int(event["xid"]), event["id"])


def _shown(event: Row) -> Row:
    return {
        "position": str(_position(event)),
        **{column: event[column] for column in _COLUMNS},
    }
