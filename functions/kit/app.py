"""The HTTP face of one or more functions: wake-ups, health, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request

from functions.kit.database import Database, DatabaseError
from functions.kit.problems import Problem, answer_problems
from functions.kit.requests import NamedRequests
from functions.kit.settings import Settings
from functions.kit.webhooks import Webhook
from functions.kit.worker import Worker

_MAX_WAKE_BYTES = 20_000
_READY_SECONDS = 2.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Function:
    """What wakes at `POST /<name>/wake`."""

    name: str
    open: Callable[[Database], AbstractAsyncContextManager[Worker]]
    """Builds its clients once and keeps them as long as the context."""


def create_app(
    title: str, settings: Settings, *functions: Function, clock: Callable[[], float] = time.time
) -> FastAPI:
    """An app of these functions over one database.

    `clock` tells seconds since 1970. A start is a wake-up, and a stop finishes what is in hand.
    """
    workers: dict[str, Worker] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.connect(settings))
            for function in functions:
                workers[function.name] = await stack.enter_async_context(function.open(database))
                workers[function.name].wake()
            yield
            await asyncio.gather(*(worker.stop(_STOP_SECONDS) for worker in workers.values()))

    app = FastAPI(title=title, lifespan=lifespan, openapi_url=None)
    app.add_middleware(NamedRequests)
    answer_problems(app)
    _answer_health(app, workers)
    webhook = Webhook(settings.webhook_secret, clock)
    for function in functions:
        _answer_wake_ups(app, function.name, webhook, workers)
    return app


def _answer_wake_ups(app: FastAPI, name: str, webhook: Webhook, workers: dict[str, Worker]) -> None:
    @app.post(f"/{name}/wake", status_code=HTTPStatus.ACCEPTED)
    async def wake(request: Request) -> dict[str, str]:
        webhook.verify(request.headers, await _read(request))
        workers[name].wake()
        return {"status": "accepted"}


def _answer_health(app: FastAPI, workers: dict[str, Worker]) -> None:
    @app.get("/health")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        await asyncio.gather(*(_check(worker) for worker in workers.values()))
        return {"status": "ready"}


async def _check(worker: Worker) -> None:
    """Finish an empty batch: proves the way, the key, the grants and the verb, and does nothing."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await worker.queue.finish([])
    except (DatabaseError, TimeoutError) as error:
        detail = f"The database does not take results of {worker.queue.name}."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail) from error


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_WAKE_BYTES:
            detail = f"A wake-up has at most {_MAX_WAKE_BYTES} bytes."
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
    return body
