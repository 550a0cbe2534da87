"""The webhooks function: its queue, and the sender that works it off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Worker
from functions.webhooks.settings import WebhookSettings

if TYPE_CHECKING:
    from functions.webhooks.send import Sender

_NAME = "webhooks"
_AT_ONCE = 40


def webhooks(settings: WebhookSettings, hooks: Hooks | None = None) -> Function:
    """Tells endpoints of events, each order's in their order."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        async with AsyncExitStack() as clients:
            opening = asyncio.Lock()
            sender: Sender | None = None

            async def deliver(job: Job) -> Outcome:
                nonlocal sender
                async with opening:
                    sender = sender or await _open(settings, clients)
                return await sender.deliver(job)

            queue = Queue(database, _NAME, ("starts",))
            yield Running(Worker(queue, deliver, concurrency=_AT_ONCE, hooks=hooks))

    return Function(_NAME, running)


async def _open(settings: WebhookSettings, clients: AsyncExitStack) -> "Sender":
    """Made when it is first needed: a process answers before all this is imported."""
    from functions.webhooks.send import Sender  # noqa: PLC0415

    return await clients.enter_async_context(
        Sender.open(allow_loopback=settings.webhooks_allow_loopback)
    )
