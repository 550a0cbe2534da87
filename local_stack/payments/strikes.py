"""What a fault does to a request; each request has one at most, chosen as it arrives."""

import asyncio
import time

from aiohttp import web

from local_stack.payments import errors
from local_stack.payments.errors import StripeError
from local_stack.payments.faults import Fault, Mode

FAULT = web.RequestKey("fault", Fault)
_POLL_SECONDS = 0.05
_GARBAGE = "<html><head><title>Bad gateway</title></head>"


def struck(request: web.Request, mode: Mode) -> Fault | None:
    """The request's fault, if it is of that mode and strikes now."""
    fault = request.get(FAULT)
    return fault if fault and fault.mode == mode and fault.spend() else None


async def on_arrival(request: web.Request) -> web.StreamResponse | None:
    """The answer of a fault that keeps the request from doing anything."""
    if struck(request, "refuse"):
        return drop(request)
    if fault := struck(request, "black_hole"):
        return await hang(request, fault)
    if struck(request, "garbage"):
        return web.Response(text=_GARBAGE, content_type="text/html")
    if struck(request, "rate_limit"):
        return refusal(errors.rate_limited())
    if struck(request, "error_503"):
        answer = refusal(errors.unavailable())
        answer.headers["Retry-After"] = "1"
        return answer
    return None


async def slow_down(request: web.Request) -> None:
    """Let the time of a slow answer pass."""
    if fault := struck(request, "slow"):
        await asyncio.sleep(fault.delay_seconds)


async def hang(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Leave the caller waiting until it goes, or the time is over."""
    end = time.monotonic() + fault.delay_seconds
    while time.monotonic() < end and request.transport:  # noqa: ASYNC110 - aiohttp tells no event
        await asyncio.sleep(_POLL_SECONDS)
    return drop(request)


def drop(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()


def refusal(error: StripeError) -> web.Response:
    """A refusal as the answer to a request."""
    return web.json_response(error.body, status=error.status)
