"""Watching orders, one event after the other or by callback."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from types import TracebackType
from typing import Self

from orderbase._feed import WatchState
from orderbase._reader import Reader
from orderbase.models import FeedEvent

_log = logging.getLogger("orderbase")


class Watching:
    """What a watch knows about itself."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def state(self) -> WatchState:
        """Whether what was told is all there is.

        "live": all that happened up to `poll_every` seconds ago. "stale": nobody can say, as the
        feed is out of reach; it goes on by itself, unless the watch has ended with an error.
        "starting": what happened before is still being read.
        """
        return self._reader.state

    @property
    def position(self) -> str | None:
        """Where to go on later, by `after`: behind the event that was handed out last.

        Store it after that event was handled. None before the start.
        """
        return self._reader.position


class AsyncWatch(Watching):
    """Events as they happen, each once, in order, for ever: iterate over it.

    It has one consumer, and keeps at most one page of 500 events that nobody has asked for yet.
    Close it, or use it as a context, to close its connection at once. As a context it begins when
    it is entered, else with the first event that is asked for.

    Iterating raises NotFound if there is no such order, and InvalidRequest if `after` is no
    position ("invalid_position"), or one that the shop's feed has not come to ("position_ahead"):
    the database was restored, so begin with a new position or snapshot. It raises AuthError as
    soon as nobody is signed in any more ("sign_in_required") or somebody else ("user_changed"),
    and tells nothing more. Lost connections and failures that pass are waited out: `state` tells.
    When the client is closed, iterating ends.
    """

    async def aclose(self) -> None:
        """End it. Whoever waits for an event gets the end of the iteration."""
        await self._reader.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedEvent:
        while (event := self._reader.take()) is None:
            if not await self._reader.fill():
                raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        await self._reader.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class AsyncSubscription(Watching):
    """A callback that is told of events, each once, in order, until it is closed.

    It ends by itself when the watch is refused, or the callback raises: `wait` raises that.
    """

    def __init__(
        self, reader: Reader, callback: Callable[[FeedEvent], Awaitable[None] | None]
    ) -> None:
        super().__init__(reader)
        self._callback = callback
        self._task = asyncio.create_task(self._tell())
        self._task.add_done_callback(_report)

    async def wait(self) -> None:
        """Return when it is closed.

        Raises:
            OrderbaseError: why it ended; or whatever the callback raised.
        """
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def aclose(self) -> None:
        """End it. An event that is being told is told to its end."""
        await self._reader.aclose()
        if self._task is not asyncio.current_task():
            await asyncio.wait([self._task])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _tell(self) -> None:
        try:
            async for event in AsyncWatch(self._reader):
                told = self._callback(event)
                if isawaitable(told):
                    await _told(told)
        finally:
            await self._reader.aclose()


async def _told(told: Awaitable[None]) -> None:
    """Wait for a callback. If something is cancelled that it waits for, that is its failure."""
    try:
        await told
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError("The callback met a cancelled task.") from error


def _report(task: asyncio.Task[None]) -> None:
    """Nobody may be waiting for it."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("a subscription to orders has ended", exc_info=error)
