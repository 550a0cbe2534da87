"""One address for all of Supabase: routes, API keys, and cross-origin headers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from local_stack import auth, realtime, storage
from local_stack.ports import HOST
from local_stack.proxy import UNTYPED, Upstream, passed_on
from local_stack.settings import Settings
from local_stack.tokens import Tokens

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXPOSED = (
    "content-range, content-location, location, range-unit, sb-gateway-version, x-total-count, link"
)
_NOT_HERE = {"/graphql/v1": "GraphQL"}


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[None]:
    """Answer on the API port while the context is open."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(
        timeout=timeout,
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as session:
        # Bodies travel as they are: nothing here unpacks what a client has packed.
        runner = web.AppRunner(
            create_app(settings, session),
            access_log=None,
            auto_decompress=False,
            # How long the rest of a refused body is read, so that its sender sees the refusal.
            lingering_time=1.0,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, settings.ports.api, backlog=1024).start()
            yield
        finally:
            await runner.cleanup()


def create_app(settings: Settings, session: aiohttp.ClientSession) -> web.Application:
    """The gateway; `session` is what it calls PostgREST and the functions with."""
    tokens = Tokens(settings.keys)
    app = web.Application(middlewares=[_cross_origin])
    app.on_response_prepare.append(_finish_headers)
    rest = Upstream(session, settings.rest_url, "PostgREST")
    functions = Upstream(session, settings.functions_url, "The functions process")
    app.router.add_route("*", "/rest/v1{path:(/.*)?}", _forward(rest, tokens))
    app.router.add_route("*", "/functions/v1{path:(/.*)?}", _forward(functions, tokens))
    for prefix, name in _NOT_HERE.items():
        app.router.add_route("*", prefix + "{path:(/.*)?}", _not_implemented(name))
    app.add_subapp("/auth/v1", auth.create_app(settings))
    app.add_subapp("/realtime/v1", realtime.create_app(settings))
    app.add_subapp("/storage/v1", storage.create_app(settings))
    return app


def _forward(upstream: Upstream, tokens: Tokens) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        headers = passed_on(request.headers.items())
        token = tokens.of_request(request)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        raw = request.raw_path.split("/v1", 1)[1]
        return await upstream.forward(request, raw if raw.startswith("/") else f"/{raw}", headers)

    return handler


def _not_implemented(name: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        message = f"{name} is not part of the embedded stack"
        return web.json_response({"message": message, "code": "501"}, status=501)

    return handler


@web.middleware
async def _cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers a browser that asks first, and routing errors in JSON."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response(status=204, headers=_preflight(request))
    if not _is_text(request.raw_path):
        return web.json_response({"message": "The address is not UTF-8."}, status=400)
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _error(error)


async def _finish_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Any origin may read the answer: rights come from tokens, which no browser sends by itself."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    if response.get(UNTYPED):
        response.headers.popall("Content-Type", None)


def _is_text(path: str) -> bool:
    """PostgREST answers 500 to bytes that are no text."""
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _error(error: web.HTTPException) -> web.Response:
    """Routing errors as JSON, as everything else here answers."""
    message = "no Route matched with those values" if error.status == 404 else error.reason
    kept = CIMultiDict((name, value) for name, value in error.headers.items() if name == "Allow")
    return web.json_response({"message": message}, status=error.status, headers=kept)


def _preflight(request: web.Request) -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "*"),
        "Access-Control-Max-Age": "3600",
    }
