"""A gateway before the stack's own, which fails where a test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.api.conftest import serve, settings_of
from tests.conftest import Stack

Fault = tuple[int, str] | None


class Gateway:
    """Passes everything on, except where there is a fault."""

    def __init__(self, behind: str, session: aiohttp.ClientSession) -> None:
        self._behind = behind
        self._session = session
        self.faults: dict[str, Fault] = {}
        """By the beginning of the path: status and text of the answer; None hangs up."""
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.asked.append(request.path)
        for beginning, fault in self.faults.items():
            if request.path.startswith(beginning):
                return _fail(request, fault)
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with self._session.request(
            request.method,
            self._behind + request.path_qs,
            data=await request.read(),
            headers=headers,
        ) as answer:
            kept = {
                name: answer.headers[name]
                for name in ("Content-Type", "Idempotency-Replayed")
                if name in answer.headers
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def _fail(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault is None:
        assert request.transport
        request.transport.abort()
        return web.Response()
    status, text = fault
    return web.Response(status=status, text=text, content_type="application/json")


@asynccontextmanager
async def behind_gateway(
    stack: Stack, **changed: object
) -> AsyncIterator[tuple[Gateway, aiohttp.ClientSession]]:
    """A gateway, and a client of an API behind it."""
    async with aiohttp.ClientSession() as session:
        gateway = Gateway(stack.settings.api_url, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", gateway.answer)
        async with TestServer(app) as server:
            url = str(server.make_url("")).rstrip("/")
            issuer = f"{stack.settings.api_url}/auth/v1"
            settings = settings_of(stack, supabase_url=url, supabase_jwt_issuer=issuer, **changed)
            async with serve(settings) as client:
                yield gateway, client
