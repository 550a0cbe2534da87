"""The images function: its queue, Storage, and the processes that decode."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

from functions.images.labels import Labeler, RekognitionLabeler
from functions.images.sandbox import Sandbox, processors
from functions.images.settings import ImageSettings
from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Effect, Worker

_NAME = "images"


def queue_of(database: Database) -> Queue:
    """The queue of uploads, and of files that nobody needs any more."""
    return Queue(database, _NAME, ("starts",))


def images(
    settings: ImageSettings, hooks: Hooks | None = None, labeler: Labeler | None = None
) -> Function:
    """Makes what the shop shows of uploaded pictures, and removes it with them."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        async with AsyncExitStack() as clients:
            effect = cache(lambda: _effect(settings, labeler, clients))

            async def perform(job: Job) -> Outcome:
                return await effect()(job)

            # Twice as many as are decoded: the others are on their way from or to Storage.
            at_once = 2 * processors()
            yield Running(Worker(queue_of(database), perform, concurrency=at_once, hooks=hooks))

    return Function(_NAME, running)


def _effect(settings: ImageSettings, labeler: Labeler | None, clients: AsyncExitStack) -> Effect:
    """Made when it is first needed: a process answers before all this is imported."""
    from functions.images.image_job import ImageJobs  # noqa: PLC0415
    from functions.images.storage import Storage  # noqa: PLC0415

    storage, sandbox = Storage(settings), Sandbox(processors())
    clients.push_async_callback(storage.close)
    clients.push_async_callback(sandbox.close)
    return ImageJobs.over(storage, sandbox, labeler or _labeler_of(settings)).perform


def _labeler_of(settings: ImageSettings) -> Labeler | None:
    return RekognitionLabeler() if settings.labels == "rekognition" else None
