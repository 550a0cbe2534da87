"""One execution environment of Lambda: a process that is frozen between its events.

Its event loop and its clients are made once, and kept. Nothing runs while it is frozen: so whatever
an event has woken is done before it is answered.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi import FastAPI

from functions.aws.source import Event, Source, UnknownEvent, source_of
from functions.kit.database import Database
from functions.kit.worker import Worker

if TYPE_CHECKING:
    from mangum import Mangum
    from mangum.types import LambdaContext

_SPARE_SECONDS = 1.0
_STALE_SECONDS = 60.0
"""So long, and connections may be gone without a word: a network forgets those that are idle."""
_TEXT = ["text/", "application/json", "application/problem+json", "application/vnd.oai.openapi"]

Take = Callable[[Database, Event], Awaitable[object]]


class Environment:
    """An app of functions, and whatever it keeps from event to event."""

    def __init__(self, app: FastAPI, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells seconds since 1970, and goes on while the process is frozen."""
        self._app = app
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._clients: AsyncExitStack | None = None
        self._left_at = -math.inf

    def handle(self, event: Event, context: "LambdaContext") -> object:
        """Lambda's entry: the reply that the event's source expects.

        Raises:
            UnknownEvent: nobody here takes it.
            DatabaseError: the event has to come again.
        """
        source = source_of(event)
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._thaw())
        try:
            if source is Source.HTTP:
                return self._http(event, context)
            return self._loop.run_until_complete(self._take(source, event))
        finally:
            remaining = context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
            self._loop.run_until_complete(self._rest(remaining))
            self._left_at = self._clock()

    def close(self) -> None:
        """Close the clients. Lambda gives no notice; this is for those who do."""
        self._loop.run_until_complete(self._close())
        self._loop.close()

    @property
    def _workers(self) -> list[Worker]:
        return [one.worker for one in self._app.state.running.values() if one.worker]

    @cached_property
    def _http(self) -> "Mangum":
        from mangum import Mangum  # noqa: PLC0415 - most processes hear of one source only

        # Its own lifespan would open the clients for each request, and close them.
        return Mangum(self._app, lifespan="off", text_mime_types=_TEXT)

    async def _take(self, source: Source, event: Event) -> object:
        workers = self._workers
        if not workers:
            raise UnknownEvent(f"{self._app.title} takes requests only")
        reply = await _taker_of(source)(workers[0].queue.database, event)
        for worker in workers:
            worker.wake()
        return reply

    async def _thaw(self) -> None:
        for _ in range(5):
            # Connections that were closed meanwhile are found out before anybody uses them.
            await asyncio.sleep(0)
        if self._clock() > self._left_at + _STALE_SECONDS:
            await self._close()
        if not self._clients:
            await self._open()

    async def _open(self) -> None:
        async with AsyncExitStack() as clients:
            await clients.enter_async_context(self._app.router.lifespan_context(self._app))
            self._clients = clients.pop_all()
        for worker in self._workers:
            # Who waits for more is paid for, and who is frozen cannot look again.
            worker.linger = worker.looks_again = 0

    async def _close(self) -> None:
        clients, self._clients = self._clients, None
        if clients:
            await clients.aclose()

    async def _rest(self, seconds: float) -> None:
        deadline = self._loop.time() + seconds
        for worker in self._workers:
            await worker.idle(deadline - self._loop.time())


def _taker_of(source: Source) -> Take:
    """Imported when it is needed, as `Mangum` above."""
    match source:
        case Source.SQS:
            from functions.aws.sqs import deliver  # noqa: PLC0415

            return deliver
        case Source.S3:
            from functions.aws.s3 import note  # noqa: PLC0415

            return note
    from functions.aws.schedule import start  # noqa: PLC0415

    return start
