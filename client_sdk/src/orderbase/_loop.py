"""The life of an event loop that serves code that blocks."""

import asyncio
import os
import selectors
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

Closing: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What is run last."""

PATIENCE_SECONDS = 5.0
"""How long what is closed may take to end."""

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


class LoopThread(threading.Thread):
    """Runs an event loop from its start until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, closing: Closing) -> None:
        super().__init__(name="orderbase", daemon=True)
        self._process = os.getpid()
        self._loop = loop
        self._closing = closing
        self._end = asyncio.Event()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_stopped())

    def stop(self) -> None:
        """End it, and wait for that for a while."""
        if self._process == os.getpid() and self.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            if threading.current_thread() is not self:
                self.join(PATIENCE_SECONDS)

    async def _until_stopped(self) -> None:
        await self._end.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._closing()


def run_to_its_end(
    loop: asyncio.AbstractEventLoop,
    closing: Closing,
    process: int,
) -> None:
    """Close a loop that has no thread, unless it is that of another process."""
    if process != os.getpid():
        return  # its sockets are the parent's
    if running_loop() is not None:
        thread = LoopThread(loop, closing)
        thread.start()
        thread.stop()
    else:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(closing())


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread at the moment, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def run_once(loop: asyncio.AbstractEventLoop) -> None:
    """Run what is due, and no more."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel whatever it runs."""
    for task in asyncio.all_tasks(loop):
        task.cancel()


def new_loop() -> asyncio.AbstractEventLoop:
    """One that a forked child can drop, or end with, and its parent goes on."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()  # nothing forks there
    # With epoll, whoever forgets a socket in the child takes it from the parent's loop, too.
    loop = asyncio.SelectorEventLoop(selectors.PollSelector())
    _loops.add(loop)
    return loop


def _leave_to_the_parent() -> None:
    """Connections of a closed loop are dropped without a word to the other side."""
    for loop in _loops:
        if not loop.is_running():  # else its thread is gone, and it stays for ever
            loop.set_exception_handler(_say_nothing)
            loop.close()


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """That a connection was not closed is as it should be."""


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_the_parent)
