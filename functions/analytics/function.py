"""The analytics function: its queue, and the counting of what comes there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.analytics.count import count
from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Queue
from functions.kit.worker import Worker

_NAME = "analytics"
_AT_ONCE = 100
"""Counting takes no time: a whole batch is in hand at once."""


def analytics(hooks: Hooks | None = None) -> Function:
    """Adds the events of orders to the read models, and tells Prometheus."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        queue = Queue(database, _NAME, ("starts",))
        yield Running(Worker(queue, count, concurrency=_AT_ONCE, hooks=hooks))

    return Function(_NAME, running)
