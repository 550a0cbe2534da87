"""What a watch reads from: the feed from a position on, narrowed to what is wanted."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

from orderbase import _orders, errors
from orderbase._auth import AsyncAuth
from orderbase._feed import PAGE_ROWS, Announcer, Follower, Listening, Position, WatchState
from orderbase._send import Sender
from orderbase._wanted import Wanted, WatchOptions
from orderbase._watcher import Watcher
from orderbase.models import FeedEvent, Snapshot

T = TypeVar("T")

_POLL_SECONDS = 10.0


class Reader:
    """Reads pages of the feed, and hands out their events. Keeps one page at most."""

    def __init__(self, sender: Sender, auth: AsyncAuth, options: WatchOptions) -> None:
        self._sender = sender
        self._auth = auth
        self._options = options
        self._wanted = Wanted.of(options)
        self._status = _Status(options.get("on_state"))
        self._follower: Follower | None = None
        self._page: asyncio.Task[Sequence[FeedEvent]] | None = None
        self._watcher = Watcher(auth)
        self._ends: Sequence[asyncio.Task[None]] = ()
        self._events: deque[FeedEvent] = deque()
        self._page_end: str | None = None
        self._position: str | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def state(self) -> WatchState:
        """See Watching."""
        return self._status.state

    @property
    def position(self) -> str | None:
        """See Watching."""
        return self._position

    def take(self) -> FeedEvent | None:
        """The next event, if it is there already; none for who has closed it, or is gone."""
        if not self._events or self._closed or self._watcher.is_gone:
            return None
        event = self._events.popleft()
        self._position = event.position
        return event

    async def fill(self) -> bool:
        """Wait for a page, and keep what is wanted of it; false when the reader is closed.

        It may be cancelled, and called again: nothing is lost.

        Raises:
            AuthError: whoever watches is not signed in any more.
        """
        if self._closed:
            return False
        follower = await self.start()
        if follower is None:
            return False
        self._check()
        self._position = self._page_end  # whoever asks for more has handled the rest
        page = self._page = self._page or self._run(follower.next_page())
        await asyncio.wait([page, *self._ends], return_when=asyncio.FIRST_COMPLETED)
        if not page.done() or page.cancelled():
            self._check()
            return False
        self._page = None
        events = self._result_of(page)
        self._events.extend(filter(self._wanted.wants, events))
        self._page_end = events[-1].position
        return True

    async def start(self) -> Follower | None:
        """Fix where to begin, and listen for hints, if that is not done yet; None when closed.

        Raises:
            RuntimeError: the client is closed.
        """
        if self._follower is None:
            self._sender.closes(self)
            self._watcher = Watcher(self._auth)
            position = Position.parse(await self._first_position())
            if self._closed:  # meanwhile
                return None
            self._position = self._page_end = str(position)
            self._follower = self._follow(position)
        return self._follower

    async def aclose(self) -> None:
        """Whoever waits for a page hears that there is none."""
        self._closed = True
        tasks = tuple(self._tasks)
        _cancel(self._tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _first_position(self) -> str:
        after = self._options.get("after")
        if isinstance(after, Snapshot):
            return after.position
        if after is not None:
            return after
        order_id = self._wanted.order_id
        if order_id is None:
            return await self._sender.send(_orders.feed_head(), self._auth)
        return await self._sender.send(_orders.before_first_event(order_id), self._auth)

    def _follow(self, position: Position) -> Follower:
        sender, auth, watcher = self._sender, self._auth, self._watcher

        async def read(after: Position) -> Sequence[FeedEvent]:
            watcher.check()
            page = await sender.send(_orders.feed(str(after), PAGE_ROWS), auth, retries=0)
            watcher.check()  # the token may have been renewed for the call, as somebody else's
            return page

        listener = self._listener()
        self._run(listener.run())
        self._ends = [self._run(watcher.until_gone())]
        # Whoever drops the reader without closing it leaves nothing running.
        weakref.finalize(self, _abandon, asyncio.get_running_loop(), self._tasks)
        poll_every = self._options.get("poll_every", _POLL_SECONDS)
        return Follower(
            read, listener.hints, position, poll_every=poll_every, tell=self._status.tell
        )

    def _result_of(self, page: asyncio.Task[Sequence[FeedEvent]]) -> Sequence[FeedEvent]:
        try:
            return page.result()
        except errors.OrderbaseError:
            self._status.tell("stale")  # for good
            raise

    def _check(self) -> None:
        """Let nothing go on for somebody who is gone."""
        if self._watcher.is_gone:
            _cancel(self._tasks)
        self._watcher.check()

    def _listener(self) -> Listening:
        if isinstance(self._sender.transport, Announcer):
            return self._sender.transport.listener()
        from orderbase._realtime import Listener  # noqa: PLC0415 - imports aiohttp

        sender, row_filter = self._sender, self._wanted.row_filter(self._watcher.user)
        return Listener(self._auth, url=sender.url, key=sender.key, row_filter=row_filter)

    def _run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Status:
    def __init__(self, callback: Callable[[WatchState], object] | None) -> None:
        self.state: WatchState = "starting"
        self._callback = callback

    def tell(self, state: WatchState) -> None:
        if state != self.state:
            self.state = state
            if self._callback is not None:
                self._callback(state)


def _abandon(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[Any]]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(_cancel, tasks)


def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tuple(tasks):
        task.cancel()
