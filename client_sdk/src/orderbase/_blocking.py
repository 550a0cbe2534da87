"""How code that blocks uses the asynchronous client: it runs the client's event loop.

So there is one implementation of everything, and a blocking client that hears live events.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from orderbase._loop import Closing, LoopThread, in_a_loop, run_to_its_end

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")


class PortalClosed(RuntimeError):  # noqa: N818 - says what happened
    """The client was closed, before the call or during it."""

    def __init__(self) -> None:
        super().__init__("This client is closed.")


class Portal:
    """Runs coroutines for code that blocks, all on one event loop.

    As long as one thread calls at a time, the loop runs in that thread, and only during the call:
    nothing is faster. From the first moment at which that does not do (a second thread, a call
    from within an event loop, something that goes on between calls), it has a thread of its own.

    Args:
        closing: run last.
    """

    def __init__(self, closing: Closing) -> None:
        self._closing = closing
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: weakref.finalize[..., Portal] = weakref.finalize(self, _nothing)
        self._process = 0
        self._caller: int | None = None
        self._thread: LoopThread | None = None
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of a coroutine. If the wait is interrupted, so is the coroutine.

        Raises:
            RuntimeError: the client is closed, was used before a fork, or is used in a callback
                of its own event loop, which would wait for itself.
        """
        try:
            self._check()
            here = self._thread is None and not in_a_loop() and self._turn.acquire(blocking=False)
        except RuntimeError:
            work.close()
            raise
        if not here:
            return self._run_there(work)
        try:
            return self._run_here(work)
        finally:
            self._turn.release()

    def stay(self) -> None:
        """From now on the loop runs between calls, too."""
        self._check()
        if self._thread is None:
            with self._turn:
                self._start_thread()

    def close(self) -> None:
        """End whatever still runs."""
        if not self._closed and not self._forked():
            self._check()
            self._closed = True
            with self._turn:
                self._finish()

    def _check(self) -> None:
        if self._closed:
            raise PortalClosed
        if self._forked():
            raise RuntimeError("This client was used before the fork: make one per process.")
        thread = self._caller if self._thread is None else self._thread.ident
        if thread == threading.get_ident():
            raise RuntimeError("A callback of the client's event loop cannot wait for the client.")

    def _forked(self) -> bool:
        return self._process not in (0, os.getpid())

    def _run_here(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread is not None:  # since just now
            return self._run_there(work)
        loop = self._own_loop()
        task = loop.create_task(_after_what_is_due(work))
        self._caller = threading.get_ident()
        try:
            return loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            raise
        finally:
            self._caller = None

    def _run_there(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            self.stay()
            future = asyncio.run_coroutine_threadsafe(work, self._own_loop())
        except RuntimeError:  # closed just now
            work.close()
            raise PortalClosed from None
        try:
            return future.result()
        except CancelledError:
            raise PortalClosed from None
        except BaseException:
            future.cancel()
            raise

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._process = os.getpid()
            self._loop = asyncio.new_event_loop()
            # Also when the client is dropped, and when the interpreter ends.
            self._finish = weakref.finalize(
                self, run_to_its_end, self._loop, self._closing, self._process
            )
        return self._loop

    def _start_thread(self) -> None:
        if self._thread is None:
            thread = LoopThread(self._own_loop(), self._closing)
            self._finish.detach()
            self._finish = weakref.finalize(self, thread.stop)
            self._thread = thread


async def _after_what_is_due(work: Coroutine[Any, Any, T]) -> T:
    """First hear what has happened while the loop stood still, such as closed connections."""
    await asyncio.sleep(0)
    return await work


def _nothing() -> None:
    """Nothing was begun."""


class Blocking(Generic[A]):
    """The blocking face of something asynchronous."""

    def __init__(self, portal: Portal, asynchronous: A) -> None:
        self._portal = portal
        self._async = asynchronous


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """The method that does the same and waits for it."""

    @wraps(method)
    def wait(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        portal, asynchronous = self._portal, self._async  # pyright: ignore[reportPrivateUsage] - see above
        return portal.run(method(asynchronous, *args, **kwargs))

    return wait
