"""The application: one key, request ids, refusals in Stripe's shape."""

import asyncio
import base64
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local_stack.payments import errors
from local_stack.payments.book import new_id
from local_stack.payments.endpoints import REQUEST_ID, Api, drop
from local_stack.payments.errors import StripeError
from local_stack.payments.ledger import Ledger
from local_stack.payments.webhooks import RETRY_SECONDS, Webhooks

_LOG = logging.getLogger(__name__)
_MAX_BODY = 128 * 1024


def create_app(
    ledger: Path,
    api_key: str,
    *,
    webhook_url: str | None = None,
    webhook_secret: str = "",
    clock: Callable[[], float] = time.time,
    retry_seconds: Sequence[float] = RETRY_SECONDS,
) -> web.Application:
    """The double over the ledger in a file, made if missing.

    `clock` (seconds since 1970) dates the objects and ages the idempotency keys; `retry_seconds`
    are the waits between webhook attempts. Serve it without `handler_cancellation` (which aiohttp's
    TestServer sets): a charge goes on when its caller has left, as at Stripe.

    Raises:
        sqlite3.Error: the file cannot be used.
    """
    opened = Ledger(ledger)
    api = Api(opened, clock, webhooks=webhook_url is not None)
    app = web.Application(
        client_max_size=_MAX_BODY, middlewares=[_stripe_shape, _guard(api, api_key)]
    )
    app.add_routes(api.routes())
    if webhook_url is not None:
        webhooks = Webhooks(opened, webhook_url, webhook_secret, retry_seconds)
        app.cleanup_ctx.append(_delivering(webhooks))
    app.on_cleanup.append(_closing(opened))
    return app


def _delivering(webhooks: Webhooks) -> Callable[[web.Application], AsyncIterator[None]]:
    async def deliver(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(webhooks.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return deliver


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
        response = web.json_response(error.body, status=error.status)
    except web.HTTPRequestEntityTooLarge:
        response = web.json_response(errors.invalid("The request is too large.").body, status=413)
    except web.HTTPException:
        unknown = errors.unrecognized_url(request.method, request.path)
        response = web.json_response(unknown.body, status=unknown.status)
    except Exception:  # noqa: BLE001 - the last line of defence; the cause is in the log
        _LOG.exception("%s %s failed", request.method, request.path)
        response = web.json_response(errors.internal().body, status=500)
    response.headers["Request-Id"] = request[REQUEST_ID]
    if response.status == 409:
        response.headers["Stripe-Should-Retry"] = "true"
    return response


def _guard(api: Api, api_key: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/v1/"):
            if api.faults.strike("refuse", request.path):
                return drop(request)
            _authenticate(request, api_key)
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
