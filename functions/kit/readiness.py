"""Whether a process is ready: found out once for all who ask within a moment."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

SHARED_SECONDS = 1.0


class Readiness:
    """What a look around found: who is not ready, if anybody.

    All who ask while it lasts, and for `SHARED_SECONDS` after it, share it: whoever asks without
    end makes the database answer no more often.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[str | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`look` names one that is not ready; `clock` tells seconds."""
        self._look = look
        self._clock = clock
        self._last: asyncio.Task[str | None] | None = None
        self._until = -math.inf

    async def unready(self) -> str | None:
        """The name of one that is not ready."""
        if self._last is None or (self._last.done() and self._clock() >= self._until):
            self._last = asyncio.create_task(self._look_around())
        return await asyncio.shield(self._last)

    async def _look_around(self) -> str | None:
        found = await self._look()
        self._until = self._clock() + SHARED_SECONDS
        return found
