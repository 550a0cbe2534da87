"""Group commit: what callers want at the same time is one transaction and one wait for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from local_stack.payments.ledger import Ledger

Result = TypeVar("Result")
Work = Callable[[], Any]


class Commits:
    """Does work on the ledger, in the order it came, and answers when it is on disk."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self.listener: Callable[[], None] | None = None
        """Called after each commit."""

    async def run(self, work: Callable[[], Result]) -> Result:
        """The work's result or exception; an exception undoes this work alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((work, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._commit)
        return await future

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            with self._ledger.transaction():
                outcomes = [self._attempt(work) for work, _ in batch]
        except Exception as error:  # noqa: BLE001 - nobody may be left waiting
            self._ledger.discard()
            outcomes = [_failure(error)] * len(batch)
        for (_, future), settle in zip(batch, outcomes, strict=True):
            if not future.done():
                settle(future)
        if self.listener:
            self.listener()

    def _attempt(self, work: Work) -> Callable[[asyncio.Future[Any]], None]:
        """Do it inside the transaction; how its future is to be settled."""
        try:
            result = work()
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for the work
            self._ledger.discard()
            return _failure(error)
        self._ledger.flush()
        return lambda future: future.set_result(result)


def _failure(error: Exception) -> Callable[[asyncio.Future[Any]], None]:
    return lambda future: future.set_exception(error)
