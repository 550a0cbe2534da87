"""One call for all who want the same at the same time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class SingleFlight(Generic[K, T]):
    """Calls that are on their way, by what they are for."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[T]] = {}

    def start(self, key: K, call: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The call that is on its way, or else this one."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(call())
            flight.add_done_callback(lambda done: self._land(key, done))
        return flight

    async def join(self, key: K, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What it returns. Who gives up waiting does not end it for the others.

        Raises:
            Exception: what the call raised, for all.
        """
        return await asyncio.shield(self.start(key, call))

    async def close(self) -> None:
        """End all of them."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, key: K, flight: asyncio.Task[T]) -> None:
        del self._flights[key]
        if not flight.cancelled() and (error := flight.exception()):
            # Who waits gets it; perhaps nobody does.
            _LOG.info("a shared call failed", exc_info=error)
