"""How code that blocks runs the asynchronous client's event loop."""

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from orderbase._errand import Errand
from orderbase._loop import (
    PATIENCE_SECONDS,
    Closing,
    LoopThread,
    cancel_all,
    new_loop,
    run_once,
    run_to_its_end,
    running_loop,
)
from orderbase._turn import Turn

T = TypeVar("T")


class PortalClosed(RuntimeError):  # noqa: N818 - says what happened
    """The client was closed, before the call or during it."""

    def __init__(self, message: str = "This client is closed.") -> None:
        super().__init__(message)


class Portal:
    """Runs coroutines for code that blocks, all on one event loop.

    As long as one thread calls at a time, the loop runs in that thread, and only during the call:
    nothing is faster. From the first moment at which that does not do (a second thread, a call
    from within an event loop, something that goes on between calls), it has a thread of its own.
    A second thread does not wait for the first one's turn: its call runs on the same loop, which
    gets its thread when that turn ends.

    Args:
        closing: run last.
    """

    def __init__(self, closing: Closing) -> None:
        self._closing = closing
        self._turn = Turn()  # to run the loop
        self._changing = threading.RLock()  # only ever for a moment
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: weakref.finalize[..., Portal] = weakref.finalize(self, _nothing)
        self._finished = threading.Event()
        self._process = 0
        self._thread: LoopThread | None = None
        self._lasting = False
        self._closed = self._ending = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of a coroutine. If the wait is interrupted, so is the coroutine.

        Raises:
            RuntimeError: the client is closed, was used before a fork, or is used in a callback
                of its own event loop, which would wait for itself.
        """
        try:
            self._check()
        except RuntimeError:
            work.close()
            raise
        try:
            try:
                if self._thread is None and running_loop() is None and self._turn.take():
                    return self._run_here(work)
            finally:
                self._end_turn()
        except BaseException:
            self._end_turn()  # once more: an interrupt may have come just before
            raise
        return self._run_there(work)

    def stay(self) -> None:
        """From now on the loop runs between calls, too."""
        self._check()
        if self._thread is None:
            self._lasting = True
            try:
                self._start_thread()
            finally:
                self._end_turn()  # an interrupt may have left it

    def close(self) -> None:
        """End whatever still runs."""
        if not self._closed and not self._forked():
            self._check()
            with self._changing:
                self._closed = True
            if self._thread is not None:
                self._finish()
            elif not self._end():
                self._interrupt()

    def _check(self) -> None:
        if self._closed:
            raise PortalClosed
        if self._forked():
            raise RuntimeError("This client was used before the fork: make one per process.")
        if self._loop is not None and running_loop() is self._loop:
            raise RuntimeError("A callback of the client's event loop cannot wait for the client.")

    def _forked(self) -> bool:
        return self._process not in (0, os.getpid())

    def _run_here(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self._own_loop()
        task = loop.create_task(_after_what_is_due(work))
        try:
            return loop.run_until_complete(task)
        except BaseException as error:
            run_once(loop)  # an interrupt may have left the end of this run to the next one
            if not task.done():
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            work.close()  # it may not have begun
            if self._closed and isinstance(error, asyncio.CancelledError):
                raise PortalClosed from None
            raise

    def _end_turn(self) -> None:
        """If this thread has it. Then do what others have asked for meanwhile."""
        if self._thread is None:
            self._turn.give_back()
            if self._closed:
                self._end()
            elif self._lasting:
                self._start_thread()

    def _run_there(self, work: Coroutine[Any, Any, T]) -> T:
        errand = Errand(work)
        try:
            self.stay()
            return self._submit(errand).result()
        except PortalClosed:  # just now
            work.close()
            raise
        except CancelledError:
            raise PortalClosed from None
        except BaseException:
            errand.give_up(self._own_loop())
            raise

    def _submit(self, errand: Errand[T]) -> Future[T]:
        with self._changing:  # the loop ends after this, or this fails
            if self._closed:
                raise PortalClosed
            return asyncio.run_coroutine_threadsafe(errand.run(), self._own_loop())

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        with self._changing:
            if self._loop is None:
                self._process = os.getpid()
                loop = new_loop()
                # Also when the client is dropped, and when the interpreter ends.
                self._finish = weakref.finalize(
                    self, run_to_its_end, loop, self._closing, self._process
                )
                self._loop = loop
            return self._loop

    def _start_thread(self) -> None:
        """Unless another thread runs the loop now: that one does it when its turn ends."""
        with self._changing:
            if self._thread is None and not self._closed and self._turn.take():
                thread = LoopThread(self._own_loop(), self._closing)
                self._finish.detach()
                self._finish = weakref.finalize(self, thread.stop)
                self._thread = thread
                thread.start()

    def _end(self) -> bool:
        """Close the loop; false if another thread runs it now, and does it when its turn ends."""
        if not self._turn.take():
            return False
        self._ending = True
        self._finish()
        self._finished.set()
        return True

    def _interrupt(self) -> None:
        """End the calls of the thread that has the turn, and wait for it for a while."""
        with suppress(RuntimeError):  # closed just now
            self._own_loop().call_soon_threadsafe(self._cancel_calls)
        self._finished.wait(PATIENCE_SECONDS)

    def _cancel_calls(self) -> None:
        if not self._ending:  # else what runs is the end itself
            cancel_all(self._own_loop())


async def _after_what_is_due(work: Coroutine[Any, Any, T]) -> T:
    """First hear what has happened while the loop stood still, such as closed connections."""
    await asyncio.sleep(0)
    return await work


def _nothing() -> None:
    """Nothing was begun."""
