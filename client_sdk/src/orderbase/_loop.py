"""The life of an event loop that serves code that blocks."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

Closing: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What is run last."""

_PATIENCE_SECONDS = 5.0


class LoopThread(threading.Thread):
    """Runs an event loop until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, closing: Closing) -> None:
        super().__init__(name="orderbase", daemon=True)
        self._process = os.getpid()
        self._loop = loop
        self._closing = closing
        self._end = asyncio.Event()
        self.start()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_stopped())

    def stop(self) -> None:
        """End it, and wait for that for a while."""
        if self._process == os.getpid() and self.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            if threading.current_thread() is not self:
                self.join(_PATIENCE_SECONDS)

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
    if in_a_loop():
        LoopThread(loop, closing).stop()
    else:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(closing())


def in_a_loop() -> bool:
    """Whether this thread runs an event loop at the moment."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
