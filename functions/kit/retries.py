"""Trying again: how often, and after which pauses."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Retry:
    """Times are seconds: `first`, then each `factor` times the one before."""

    attempts: int = 3
    """The first included."""
    first: float = 2.0
    factor: float = 2.0
    jitter: float = 0.2
    """The share by which a pause is shorter or longer, so that not all come back together."""

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        again: Callable[[T], bool],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> T:
        """The first result that need not be tried `again`, or the last; errors end it at once."""
        result = await attempt()
        for pause in self._pauses(random):
            if not again(result):
                return result
            await sleep(pause)
            result = await attempt()
        return result

    def _pauses(self, random: Callable[[], float]) -> Iterator[float]:
        for number in range(self.attempts - 1):
            jitter = 1 + self.jitter * (2 * random() - 1)
            yield self.first * self.factor**number * jitter
