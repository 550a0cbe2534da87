"""The application: its parts put together, one key, request ids, refusals in Stripe's shape."""

import asyncio
import base64
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local_stack.payments import errors, faults, strikes
from local_stack.payments.book import Book, new_id
from local_stack.payments.clock import Clock
from local_stack.payments.commits import Commits
from local_stack.payments.controls import Controls
from local_stack.payments.endpoints import REQUEST_ID, Endpoints
from local_stack.payments.errors import StripeError
from local_stack.payments.events import enabled
from local_stack.payments.idempotency import IdempotencyKeys
from local_stack.payments.intents import Intents
from local_stack.payments.ledger import Ledger
from local_stack.payments.lookup import Lookup
from local_stack.payments.payment_methods import PaymentMethods
from local_stack.payments.refunds import Refunds
from local_stack.payments.statement import Statement
from local_stack.payments.timetable import Timetable
from local_stack.payments.webhooks import RETRY_SECONDS, Endpoint, Webhooks

REFUND_SECONDS = 2.0
_LOG = logging.getLogger(__name__)
_MAX_BODY = 128 * 1024


def create_app(  # noqa: PLR0913 - each but the first two has its default
    ledger: Path,
    api_key: str,
    *,
    webhook_url: str | None = None,
    webhook_secret: str = "",
    webhook_events: Collection[str] = ("*",),
    clock: Callable[[], float] = time.time,
    retry_seconds: Sequence[float] = RETRY_SECONDS,
    refund_seconds: float = REFUND_SECONDS,
    durable: bool = True,
) -> web.Application:
    """The double over the ledger in a file, made if missing.

    `clock` (seconds since 1970) dates the objects and ages keys, authorisations and refunds, and
    `PUT /_clock` moves it; `retry_seconds` are the waits between webhook attempts;
    `refund_seconds` pass until `pm_card_pendingRefund` and `pm_card_refundFail` decide; without
    `durable` no reply waits for the disk. Serve it without `handler_cancellation` (which aiohttp's
    TestServer sets): a charge goes on when its caller has left, as at Stripe.

    Raises:
        sqlite3.Error: the file cannot be used.
        ValueError: there is no such event.
    """
    delivered = enabled(webhook_events) if webhook_url else frozenset[str]()
    opened, time_of = Ledger(ledger, durable=durable), Clock(clock)
    commits, book = Commits(opened), Book(opened, time_of, delivered)
    methods = PaymentMethods(book)
    intents, refunds = Intents(book, methods), Refunds(book, methods, refund_seconds)
    turns = {"payment_intent": intents.expire, "refund": refunds.settle}
    timetable = Timetable(opened, commits, time_of, turns)
    controls = Controls(Statement(opened), intents, commits, time_of, timetable)
    keys, lookup = IdempotencyKeys(opened, time_of), Lookup(opened, methods)
    endpoints = Endpoints(commits, keys, lookup, methods, intents, refunds)
    app = web.Application(
        client_max_size=_MAX_BODY,
        middlewares=[_stripe_shape, _guard(controls, timetable, api_key)],
    )
    app.add_routes([*endpoints.routes(), *controls.routes()])
    app.cleanup_ctx.append(_running(timetable.run))
    if webhook_url:
        endpoint = Endpoint(webhook_url, webhook_secret, time_of.for_signatures)
        app.cleanup_ctx.append(_running(Webhooks(opened, commits, endpoint, retry_seconds).run))
    app.on_cleanup.append(_closing(opened))
    return app


def _running(
    run: Callable[[], Coroutine[None, None, None]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def keep_running(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return keep_running


def _closing(ledger: Ledger) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_app: web.Application) -> None:
        ledger.close()

    return close


@web.middleware
async def _stripe_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every reply a request id, and every refusal Stripe's shape."""
    request[REQUEST_ID] = new_id("req")
    try:
        response = await handler(request)
    except StripeError as error:
        response = strikes.refusal(error)
    except web.HTTPRequestEntityTooLarge:
        response = web.json_response(errors.invalid("The request is too large.").body, status=413)
    except web.HTTPException:
        response = strikes.refusal(errors.unrecognized_url(request.method, request.path))
    except Exception:  # noqa: BLE001 - the last line of defence; the cause is in the log
        _LOG.exception("%s %s failed", request.method, request.path)
        response = strikes.refusal(errors.internal())
    response.headers["Request-Id"] = request[REQUEST_ID]
    if response.status == 409:
        response.headers["Stripe-Should-Retry"] = "true"
    return response


def _guard(controls: Controls, timetable: Timetable, api_key: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/v1/"):
            return await handler(request)
        if fault := faults.choose(controls.faults, request.method, request.path):
            request[strikes.FAULT] = fault
            if answer := await strikes.on_arrival(request):
                return answer
        _authenticate(request, api_key)
        await timetable.keep()
        return await handler(request)

    return guard


def _authenticate(request: web.Request, api_key: str) -> None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            value = base64.b64decode(value).decode().partition(":")[0]
    if not value:
        raise errors.unauthorized("You did not provide an API key.")
    if not hmac.compare_digest(value.encode(errors="surrogateescape"), api_key.encode()):
        raise errors.unauthorized("Invalid API Key provided.")
