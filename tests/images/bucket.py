"""A stand-in for Storage over HTTP, which can also lie."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from functions.images.settings import ImageSettings
from functions.images.storage import Storage
from tests.functions.engine import SECRET_KEY, WEBHOOK_SECRET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bucket:
    """What is stored, and what was asked for."""

    url: str

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        """By bucket and name."""
        self.headers: dict[str, dict[str, str]] = {}
        """With which each was stored."""
        self.asked: list[web.Request] = []
        self.instead: Handler | None = None
        """Answers everything."""
        self.sent = 0
        """Bytes of an endless download."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.instead:
            return await self.instead(request)
        path = request.match_info["path"]
        if request.method == "GET":
            return self._read(path.removeprefix("authenticated/"))
        if request.method == "DELETE":
            for name in (await request.json())["prefixes"]:
                self.files.pop(f"{path}/{name}", None)
            return web.json_response([])
        return self._store(path, await request.read(), dict(request.headers))

    def _read(self, path: str) -> web.StreamResponse:
        if path not in self.files:
            return web.json_response({"statusCode": "404", "error": "not_found"}, status=400)
        return web.Response(body=self.files[path])

    def _store(self, path: str, content: bytes, headers: dict[str, str]) -> web.StreamResponse:
        if path in self.files:
            return web.json_response({"statusCode": "409", "error": "Duplicate"}, status=400)
        self.files[path], self.headers[path] = content, headers
        return web.json_response({"Key": path})

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """A gigabyte, of which nobody was told."""
        response = web.StreamResponse()
        await response.prepare(request)
        while self.sent < 1 << 30:
            await response.write(bytes(1 << 16))
            self.sent += 1 << 16
        return response

    async def says(self, response: web.StreamResponse) -> None:
        """Answer this to everything."""

        async def instead(_: web.Request) -> web.StreamResponse:
            return response

        self.instead = instead

    @property
    def settings(self) -> ImageSettings:
        """What points a function here."""
        return settings_of(self.url)


def settings_of(url: str, key: str = SECRET_KEY) -> ImageSettings:
    """What points a function at this project."""
    return ImageSettings.model_validate(
        {"supabase_url": url, "supabase_secret_key": key, "webhook_secret": WEBHOOK_SECRET}
    )


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Bucket, Storage]]:
    """A stand-in on a free port of the loopback, and a client of it."""
    bucket = Bucket()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/storage/v1/object/{path:.+}", bucket.answer)
    async with TestServer(app) as server:
        bucket.url = str(server.make_url("/"))
        storage = Storage(bucket.settings)
        try:
            yield bucket, storage
        finally:
            await storage.close()
            await asyncio.sleep(0)
