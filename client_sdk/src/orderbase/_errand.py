"""Work that another thread waits for, and may give up at any moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Errand(Generic[T]):
    """A coroutine for an event loop of another thread."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self._task: asyncio.Task[Any] | None = None
        self._given_up = False

    async def run(self) -> T:
        """The coroutine's result.

        Raises:
            CancelledError: it was given up.
        """
        self._task = asyncio.current_task()
        if self._given_up:
            self._work.close()
            raise asyncio.CancelledError
        return await self._work

    def give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel it, whether it has begun, will begin, or was never handed over."""
        self._given_up = True
        try:
            loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed, and whatever it ran has ended
            self._work.close()

    def _cancel(self) -> None:
        if self._task is None:
            self._work.close()
        else:
            self._task.cancel()
