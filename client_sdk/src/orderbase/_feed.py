"""Following the feed: from a position on, every event once, in order.

The feed is the truth and is read again and again; hints only say when. An event that was hinted
at shows up in the feed as soon as every older transaction has ended, so a hint is followed up
at growing distances until the feed has passed it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from orderbase import errors
from orderbase._send import backoff
from orderbase.models import FeedEvent

PAGE_ROWS = 500
# Seconds between readings while a hinted event does not show: 9 s in all.
PATIENCE = (0.01, 0.01, 0.02, 0.02, 0.05, 0.05, 0.1, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

WatchState: TypeAlias = Literal["starting", "live", "stale"]
"""starting: what happened before is still being read. live: what happened was told at most a poll
ago. stale: the feed cannot be read at the moment."""

_LONGEST_PAUSE = 60.0
_FORMAT = re.compile(r"(\d{1,19})-(\d{1,18})")


class Position(NamedTuple):
    """A place in the feed: transaction id, then event id."""

    xid: int
    id: int

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read what `FeedEvent.position` holds.

        Raises:
            InvalidRequest: it is something else.
        """
        match = _FORMAT.fullmatch(text)
        if match is None:
            raise errors.InvalidRequest(
                "This is not a position of the feed.", code="invalid_position"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.xid}-{self.id}"


class Hints(Protocol):
    """What says that there may be something to read."""

    @property
    def newest(self) -> Position:
        """The furthest position that was hinted at."""
        ...

    async def wait(self, beyond: Position, timeout: float) -> None:  # noqa: ASYNC109 - Protocol
        """Return at a hint beyond a position, at a nudge, or after `timeout` seconds."""
        ...


class Listening(Protocol):
    """What hears that there may be something to read."""

    @property
    def hints(self) -> Hints:
        """What it has heard."""
        ...

    async def run(self) -> None:
        """Listen until cancelled."""
        ...


@runtime_checkable
class Announcer(Protocol):
    """A transport that knows by itself what happens: watches listen to it, and not to Realtime."""

    def listener(self) -> Listening:
        """What a watch listens with."""
        ...


class Mailbox:
    """Keeps only the furthest hint, so that nobody who reads slowly needs memory."""

    def __init__(self) -> None:
        self.newest = Position(0, 0)
        self._nudged = False
        self._news = asyncio.Event()

    def hint(self, position: Position) -> None:
        """There is, or soon will be, an event at this position."""
        self.newest = max(self.newest, position)
        self._news.set()

    def nudge(self) -> None:
        """Something may have been missed."""
        self._nudged = True
        self._news.set()

    async def wait(self, beyond: Position, timeout: float) -> None:  # noqa: ASYNC109 - see Hints
        """Return at a hint beyond a position, at a nudge, or after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.newest <= beyond and not self._nudged:
                    self._news.clear()
                    await self._news.wait()
        self._nudged = False


class Follower:
    """Reads the feed on from a position, a page whenever one is asked for."""

    def __init__(
        self,
        read: Callable[[Position], Awaitable[Sequence[FeedEvent]]],
        hints: Hints,
        position: Position,
        *,
        poll_every: float,
        tell: Callable[[WatchState], object] = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._hints = hints
        self._position = position
        self._given_up = position
        self._caught_up = False
        self._patience = iter(PATIENCE)
        self._poll_every = poll_every
        self._tell = tell
        self._sleep = sleep

    async def next_page(self) -> Sequence[FeedEvent]:
        """The next events, at least one, in order. May be cancelled, and asked again.

        Raises:
            OrderbaseError: the feed refuses; passing failures are waited out.
        """
        while True:
            if self._caught_up:
                await self._until_there_may_be_more()
                self._caught_up = False
            page = await self._read_patiently()
            new = self._unseen(page)
            self._caught_up = not new or len(page) < PAGE_ROWS
            if page:
                self._patience = iter(PATIENCE)
            if new:
                return new

    def _unseen(self, page: Sequence[FeedEvent]) -> Sequence[FeedEvent]:
        new: list[FeedEvent] = []
        positions = [Position.parse(event.position) for event in page]
        for position, event in zip(positions, page, strict=True):
            if position > self._position:
                self._position = position
                new.append(event)
        return new

    async def _read_patiently(self) -> Sequence[FeedEvent]:
        failures = 0
        while True:
            try:
                page = await self._read(self._position)
            except errors.OrderbaseError as error:
                if not _may_pass(error):
                    raise
                delay = error.retry_after or backoff(failures, longest=self._poll_every)
            else:
                if len(page) < PAGE_ROWS:
                    self._tell("live")
                return page
            self._tell("stale")
            await self._sleep(min(delay, _LONGEST_PAUSE))
            failures += 1

    async def _until_there_may_be_more(self) -> None:
        known = max(self._position, self._given_up)
        if self._hints.newest > known:
            delay = next(self._patience, None)
            if delay is not None:
                await self._sleep(min(delay, self._poll_every))
                return
            self._given_up = known = self._hints.newest
        self._patience = iter(PATIENCE)
        await self._hints.wait(known, self._poll_every)


def _may_pass(error: errors.OrderbaseError) -> bool:
    """To read again does no harm: a watch outlives whatever the server stumbles over."""
    return error.may_pass or (isinstance(error, errors.ServerError) and (error.status or 0) >= 500)
