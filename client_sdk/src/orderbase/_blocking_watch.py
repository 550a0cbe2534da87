"""Watching orders with code that blocks."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from orderbase._portal import Portal, PortalClosed
from orderbase._watch import AsyncWatch, Watching
from orderbase.models import FeedEvent

_log = logging.getLogger("orderbase")


class Watch(Watching):
    """See AsyncWatch: the same, and iterating waits. `close` may be called by another thread."""

    def __init__(self, portal: Portal, watch: AsyncWatch) -> None:
        super().__init__(watch._reader)  # noqa: SLF001 - of the same base
        self._portal = portal

    def start(self) -> Self:
        """Fix where it begins, if that is not done yet."""
        self._portal.stay()
        self._portal.run(self._reader.start())
        return self

    def close(self) -> None:
        """End it. Whoever waits for an event gets the end of the iteration."""
        with suppress(PortalClosed):
            self._portal.run(self._reader.aclose())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> FeedEvent:
        while (event := self._reader.take()) is None:
            if not self._fill():
                raise StopIteration
        return event

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self) -> bool:
        try:
            self._portal.stay()
            return self._portal.run(self._reader.fill())
        except PortalClosed:
            if self.position is None:  # it never began
                raise
            return False


class Subscription(Watching):
    """See AsyncSubscription: the same, and the callback runs in a thread of its own."""

    def __init__(self, watch: Watch, callback: Callable[[FeedEvent], object]) -> None:
        super().__init__(watch._reader)  # noqa: SLF001 - of the same base
        self._watch = watch
        self._callback = callback
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._tell, name="orderbase-subscription", daemon=True
        )
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has ended, after at most `timeout` seconds; for ever without it.

        Raises:
            OrderbaseError: why it ended; or whatever the callback raised.
        """
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def close(self) -> None:
        """End it. An event that is being told is told to its end."""
        self._watch.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _tell(self) -> None:
        try:
            for event in self._watch:
                self._callback(event)
        except BaseException as error:  # noqa: BLE001 - for whoever waits
            self._error = error
            _log.error("a subscription to orders has ended", exc_info=error)
        finally:
            self._watch.close()
