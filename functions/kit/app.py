"""The HTTP face of one or more functions: wake-ups, webhooks of others, health, metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request

from functions.kit.database import Database, DatabaseError
from functions.kit.metrics import WAKEUPS, add_metrics
from functions.kit.problems import Problem, answer_problems
from functions.kit.requests import NamedRequests
from functions.kit.settings import Settings
from functions.kit.webhooks import Webhook
from functions.kit.worker import Worker

_MAX_WAKE_BYTES = 20_000
_MAX_WEBHOOK_BYTES = 1_000_000
_READY_SECONDS = 2.0
_STOP_SECONDS = 5.0

Receiver = Callable[[Mapping[str, str], bytes], Awaitable[None]]
"""Takes a webhook of somebody else: its headers and raw body.

Raises `WebhookRefused` if it is not theirs, `DatabaseError` if it has to be sent again.
"""


@dataclass(frozen=True)
class Running:
    """A function whose clients are open."""

    worker: Worker
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    """By the last part of their path: `POST /<function>/<name>`."""


@dataclass(frozen=True)
class Function:
    """What wakes at `POST /<name>/wake`."""

    name: str
    open: Callable[[Database], AbstractAsyncContextManager[Running]]
    """Builds its clients once and keeps them as long as the context."""
    receives: tuple[str, ...] = ()
    """Names of its receivers."""
    feeds: tuple[str, ...] = ()
    """Functions that its outcomes give work; where they run in the same process, they are woken."""


def create_app(
    title: str, settings: Settings, *functions: Function, clock: Callable[[], float] = time.time
) -> FastAPI:
    """An app of these functions over one database.

    `clock` tells seconds since 1970. A start is a wake-up, and a stop finishes what is in hand.
    """
    running: dict[str, Running] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.connect(settings))
            for function in functions:
                running[function.name] = await stack.enter_async_context(function.open(database))
            for function in functions:
                worker = running[function.name].worker
                worker.feeds += [running[name].worker for name in function.feeds if name in running]
                worker.wake()
            yield
            await asyncio.gather(*(one.worker.stop(_STOP_SECONDS) for one in running.values()))

    app = FastAPI(title=title, lifespan=lifespan, openapi_url=None)
    app.add_middleware(NamedRequests)
    answer_problems(app)
    _answer_health(app, running)
    add_metrics(app, settings.metrics_token)
    webhook = Webhook(settings.webhook_secret, clock)
    for function in functions:
        _answer_wake_ups(app, function.name, webhook, running)
        for name in function.receives:
            _answer_webhooks(app, function.name, name, running)
    return app


def _answer_wake_ups(
    app: FastAPI, name: str, webhook: Webhook, running: Mapping[str, Running]
) -> None:
    @app.post(f"/{name}/wake", status_code=HTTPStatus.ACCEPTED)
    async def wake(request: Request) -> dict[str, str]:
        webhook.verify(request.headers, await _read(request, _MAX_WAKE_BYTES))
        WAKEUPS.labels(name).inc()
        running[name].worker.wake()
        return {"status": "accepted"}


def _answer_webhooks(
    app: FastAPI, function: str, name: str, running: Mapping[str, Running]
) -> None:
    @app.post(f"/{function}/{name}")
    async def receive(request: Request) -> dict[str, str]:
        body = await _read(request, _MAX_WEBHOOK_BYTES)
        try:
            await running[function].receivers[name](request.headers, body)
        except DatabaseError as error:
            detail = "The event could not be recorded. Send it again."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_recorded", detail) from error
        return {"status": "received"}


def _answer_health(app: FastAPI, running: Mapping[str, Running]) -> None:
    @app.get("/health")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        await asyncio.gather(*(_check(one.worker) for one in running.values()))
        return {"status": "ready"}


async def _check(worker: Worker) -> None:
    """Finish an empty batch: proves the way, the key, the grants and the verb, and does nothing."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await worker.queue.finish([])
    except (DatabaseError, TimeoutError) as error:
        detail = f"The database does not take results of {worker.queue.name}."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail) from error


async def _read(request: Request, most: int) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            detail = f"This takes at most {most} bytes."
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
    return body
