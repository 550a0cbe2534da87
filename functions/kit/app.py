"""The HTTP face of one or more functions: wake-ups, webhooks of others, health, metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware import Middleware

from functions.kit.database import Database, DatabaseError
from functions.kit.heads import HeadAsGet
from functions.kit.metrics import WAKEUPS, add_metrics
from functions.kit.problems import Problem, answer_problems
from functions.kit.readiness import Readiness
from functions.kit.release import installed_version
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

    worker: Worker | None = None
    """Drains its queue, if it has one."""
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    """By the last part of their path: `POST /<function>/<name>`."""
    clients: object = None
    """What its routes need: they get it by `clients_of`."""
    check: Callable[[], Awaitable[object]] | None = None
    """Raises `DatabaseError` if it is not ready; besides, an empty batch is finished."""


@dataclass(frozen=True)
class Function:
    """A piece of the shop that is deployed alone or beside others."""

    name: str
    open: Callable[[Database], AbstractAsyncContextManager[Running]]
    """Builds its clients once and keeps them as long as the context."""
    receives: tuple[str, ...] = ()
    """Names of its receivers."""
    feeds: tuple[str, ...] = ()
    """Functions that its outcomes give work; where they run in the same process, they are woken."""
    wakes: bool = True
    """Whether it has a queue, and so answers `POST /<name>/wake`."""
    routers: tuple[APIRouter, ...] = ()
    """Its other routes."""
    middleware: tuple[Middleware, ...] = ()
    """Around all routes of the process, the outermost first."""


Clients = TypeVar("Clients")


def clients_of(kind: type[Clients]) -> Callable[[Request], Clients]:
    """A dependency of routes: the clients of this type that a running function keeps."""

    def find(request: Request) -> Clients:
        running: Mapping[str, Running] = request.app.state.running
        return next(one.clients for one in running.values() if isinstance(one.clients, kind))

    return find


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
                if worker := running[function.name].worker:
                    worker.feeds += _workers(running, function.feeds)
                    worker.wake()
            yield
            await asyncio.gather(*(one.stop(_STOP_SECONDS) for one in _workers(running, running)))

    app = FastAPI(title=title, lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.running = running
    _surround(app, functions)
    answer_problems(app)
    _answer_health(app, running, settings.release)
    add_metrics(app, settings.metrics_token)
    webhook = Webhook(settings.webhook_secret, clock)
    for function in functions:
        _answer(app, function, webhook, running)
    return app


def _surround(app: FastAPI, functions: Iterable[Function]) -> None:
    """The app takes each further layer around those that it has."""
    layers = [layer for function in functions for layer in function.middleware]
    for layer in reversed([Middleware(NamedRequests), Middleware(HeadAsGet), *layers]):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)


def _answer(
    app: FastAPI, function: Function, webhook: Webhook, running: Mapping[str, Running]
) -> None:
    if function.wakes:
        _answer_wake_ups(app, function.name, webhook, running)
    for name in function.receives:
        _answer_webhooks(app, function.name, name, running)
    for router in function.routers:
        app.include_router(router)


def _workers(running: Mapping[str, Running], names: Iterable[str]) -> list[Worker]:
    """Those of these functions that run here and have a queue."""
    return [worker for name in names if name in running and (worker := running[name].worker)]


def _answer_wake_ups(
    app: FastAPI, name: str, webhook: Webhook, running: Mapping[str, Running]
) -> None:
    @app.post(f"/{name}/wake", status_code=HTTPStatus.ACCEPTED, include_in_schema=False)
    async def wake(request: Request) -> dict[str, str]:
        webhook.verify(request.headers, await _read(request, _MAX_WAKE_BYTES))
        WAKEUPS.labels(name).inc()
        if worker := running[name].worker:
            worker.wake()
        return {"status": "accepted"}


def _answer_webhooks(
    app: FastAPI, function: str, name: str, running: Mapping[str, Running]
) -> None:
    @app.post(f"/{function}/{name}", include_in_schema=False)
    async def receive(request: Request) -> dict[str, str]:
        body = await _read(request, _MAX_WEBHOOK_BYTES)
        try:
            await running[function].receivers[name](request.headers, body)
        except DatabaseError as error:
            detail = "The event could not be recorded. Send it again."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_recorded", detail) from error
        return {"status": "received"}


def _answer_health(app: FastAPI, running: Mapping[str, Running], release: str | None) -> None:
    @app.get("/health", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok", "name": app.title, "version": release or installed_version()}

    async def look() -> str | None:
        ready = zip(running, await asyncio.gather(*map(_is_ready, running.values())), strict=True)
        return next((name for name, is_ready in ready if not is_ready), None)

    readiness = Readiness(look)

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> dict[str, str]:
        if name := await readiness.unready():
            detail = f"The database does not answer {name} as it should."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail)
        return {"status": "ready"}


async def _is_ready(one: Running) -> bool:
    """Finish an empty batch: proves the way, the key, the grants and the verb, and does nothing."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            if one.worker:
                await one.worker.queue.finish([])
            if one.check:
                await one.check()
    except (DatabaseError, TimeoutError):
        return False
    return True


async def _read(request: Request, most: int) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            detail = f"This takes at most {most} bytes."
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
    return body
