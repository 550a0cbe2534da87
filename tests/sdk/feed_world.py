"""A world with a clock of its own: transactions that commit, hints that get lost, a feed."""

import heapq
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from orderbase import FeedEvent, OrderbaseError
from orderbase._feed import PAGE_ROWS, Follower, Position

ORDER_ID = UUID("00000000-0000-4000-8000-00000000000b")
START = Position(0, 0)


class WorldEnds(Exception):  # noqa: N818 - not an error
    """Nothing will happen any more."""


class World:
    """PostgreSQL's side of the feed, and Realtime's hints about it. Serves as `Hints`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.newest = START
        self.reads: list[Position] = []
        self.waits: list[float] = []
        self.troubles: list[OrderbaseError] = []
        self._nudged = False
        self._running: set[int] = set()
        self._next_xid = 1
        self._committed: list[FeedEvent] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (seconds, len(self._due) + len(self.waits), action))

    def begin(self) -> int:
        """A transaction that will write; the feed shows no later one until it ends."""
        xid = self._next_xid
        self._next_xid += 1
        self._running.add(xid)
        return xid

    def commit(self, xid: int, *, events: int = 1, hinted: bool = True) -> None:
        self._running.discard(xid)
        for number in range(events):
            position = Position(xid, xid * 1000 + number)
            self._committed.append(event_at(position))
            if hinted:
                self.hint(position)

    def hint(self, position: Position) -> None:
        self.newest = max(self.newest, position)

    def nudge(self) -> None:
        self._nudged = True

    async def read(self, position: Position) -> list[FeedEvent]:
        """The verb order_feed."""
        self.reads.append(position)
        if self.troubles:
            raise self.troubles.pop(0)
        oldest = min(self._running, default=self._next_xid)
        visible = [
            (place, event)
            for event in self._committed
            if position < (place := Position.parse(event.position)) and place.xid < oldest
        ]
        return [event for _, event in sorted(visible, key=lambda found: found[0])][:PAGE_ROWS]

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._pass_until(self.now + seconds, lambda: False)

    async def wait(self, beyond: Position, timeout: float) -> None:  # noqa: ASYNC109 - as in Hints
        self.waits.append(timeout)
        if not self._due and not self._nudged and self.newest <= beyond:
            raise WorldEnds
        self._pass_until(self.now + timeout, lambda: self.newest > beyond or self._nudged)
        self._nudged = False

    def _pass_until(self, end: float, woken: Callable[[], bool]) -> None:
        while not woken() and self._due and self._due[0][0] <= end:
            self.now, _, action = heapq.heappop(self._due)
            action()
        if not woken():
            self.now = end


def event_at(position: Position) -> FeedEvent:
    return FeedEvent.model_validate(
        {
            "order_id": ORDER_ID, "user_id": None, "type": "order.placed", "status": "placed",
            "version": 1, "data": {}, "created_at": "2026-01-01T00:00:00Z",
            "position": str(position),
        }
    )  # fmt: skip


async def follow(
    world: World, after: Position = START, poll_every: float = 10.0
) -> list[tuple[float, Position]]:
    """When each event arrived, until nothing happens any more."""
    seen: list[tuple[float, Position]] = []
    try:
        async for event in events(world, after, poll_every):
            seen.append((world.now, Position.parse(event.position)))  # noqa: PERF401 - ends by an exception
    except WorldEnds:
        return seen
    raise AssertionError("the feed ended")


def events(
    world: World, after: Position = START, poll_every: float = 10.0
) -> AsyncIterator[FeedEvent]:
    return told_by(Follower(world.read, world, after, poll_every=poll_every, sleep=world.sleep))


async def told_by(follower: Follower) -> AsyncIterator[FeedEvent]:
    while True:
        for event in await follower.next_page():
            yield event
