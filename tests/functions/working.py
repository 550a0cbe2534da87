"""Workers as tests make them: quick, and of the stand-in's queues."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from functions.kit.database import Database
from functions.kit.metrics import REGISTRY
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Effect, Worker

Make = Callable[..., Worker]
DELAYS = (0.01, 0.01)
SUCCEEDED = Outcome("succeeded", {"reference": "r"})


async def succeed(_job: Job) -> Outcome:
    return SUCCEEDED


def worker_of(
    database: Database,
    made: list[Worker],
    effect: Effect = succeed,
    name: str = "orders",
    **settings: object,
) -> Worker:
    """A worker that looks again for a tenth of a second only, and is kept in the list."""
    quick = {"concurrency": 20, "linger": 0.03, "looks_again": 0.1, "delays": DELAYS}
    worker = Worker(Queue(database, name, ["order_id"]), effect, **quick | settings)  # type: ignore[arg-type]
    made.append(worker)
    return worker


class Held:
    """An effect that tells of each job, and goes on with it when it is let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self._gates: dict[int, asyncio.Event] = {}

    async def __call__(self, job: Job) -> Outcome:
        number = job["message_id"]
        self.begun.append(number)
        try:
            await self._gates.setdefault(number, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return SUCCEEDED

    def let_go(self, *numbers: int) -> None:
        """Let these jobs end, begun or not."""
        for number in numbers:
            self._gates.setdefault(number, asyncio.Event()).set()


@asynccontextmanager
async def drained(worker: Worker) -> AsyncIterator[None]:
    """Within: woken. After: the drain has ended by itself."""
    worker.wake()
    yield
    while (drain := worker._drain) and not drain.done():
        await asyncio.wait_for(asyncio.shield(drain), 20)


def sample(name: str, **labels: str) -> float:
    """The value of a metric now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
