"""What the tests of Storage share: a server with real files, callers, and buckets of their own."""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
from aiohttp import web
from psycopg.rows import dict_row
from yarl import URL

from local_stack.config import Storage
from local_stack.ports import HOST
from local_stack.settings import Settings
from local_stack.storage import create_app
from local_stack.tokens import Tokens

LIMIT = 5 << 20
"""Bytes that a file may have here."""
CONFIG = Storage(file_size_limit=LIMIT)


@dataclass(frozen=True)
class Reply:
    """What came back: the body is decoded JSON, or bytes where it is none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def refusal(self) -> tuple[str, str]:
        """The status in the body, and the stable code."""
        return self.body["statusCode"], self.body["code"]


@dataclass(frozen=True)
class StorageServer:
    """A running Storage and ways to speak to it."""

    settings: Settings
    address: str
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"{self.address}/storage/v1"

    @property
    def secret(self) -> str:
        """The key that no policy stops."""
        return self.settings.keys.service_role_key

    @property
    def anon(self) -> str:
        return self.settings.keys.anon_key

    async def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        **options: Any,  # noqa: ANN401 - whatever aiohttp's request takes
    ) -> Reply:
        """One request; `path` is sent as it is written."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        url = URL(self.url + path, encoded=True)
        if isinstance(options.get("data"), bytes):  # aiohttp warns of large ones
            options["data"] = io.BytesIO(options["data"])
        async with self.http.request(method, url, headers=headers, **options) as response:
            is_json = response.content_type == "application/json" and method != "HEAD"
            body = await response.json() if is_json else await response.read()
            return Reply(response.status, body, {k.lower(): v for k, v in response.headers.items()})

    async def bucket(self, **options: object) -> str:
        """A new bucket; gives its name."""
        name = f"b-{uuid4().hex[:12]}"
        reply = await self.call("POST", "/bucket", self.secret, json={"name": name, **options})
        assert reply.status == 200, reply
        return name

    async def upload(
        self,
        path: str,
        data: object = b"hello",
        *,
        token: str | None = None,
        kind: str = "text/plain",
        **headers: str,
    ) -> Reply:
        """Store an object as the service, or as whoever has the token."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.call(
            "POST",
            f"/object/{path}",
            token or self.secret,
            data=data,
            headers={"Content-Type": kind} | headers,
        )

    def token(self, user: str, **claims: object) -> str:
        """A user's access token, such as Auth signs."""
        now = int(time.time())
        role = "authenticated"
        known = {"sub": user, "role": role, "aud": role, "iat": now, "exp": now + 3600}
        return Tokens(self.settings.keys).sign(known | claims)

    def sql(self, statement: str, *values: object, role: str = "postgres") -> list[dict[str, Any]]:
        """Rows of a statement, committed."""
        url = self.settings.database_url(role)
        with psycopg.connect(url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def policy(self, name: str, rest: str) -> Iterator[None]:
        """A policy on storage.objects, made as a migration makes it."""
        self.sql(f'create policy "{name}" on storage.objects {rest}')
        try:
            yield
        finally:
            self.sql(f'drop policy "{name}" on storage.objects')

    def files(self, folder: str = "objects") -> set[Path]:
        """What is on disk."""
        root = self.settings.home / "storage" / folder
        return {path for path in root.rglob("*") if path.is_file()}

    def file_of(self, path: str) -> Path:
        """The file that holds an object."""
        bucket, _, key = path.partition("/")
        (row,) = self.sql(
            "select version from storage.objects where bucket_id = %s and name = %s", bucket, key
        )
        version: str = row["version"]
        return self.settings.home / "storage" / "objects" / version[:2] / version

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection that is cut at the end, whatever is still on its way."""
        reader, writer = await asyncio.open_connection(HOST, URL(self.address).port)
        try:
            async with asyncio.timeout(10):
                yield reader, writer
        finally:
            writer.close()


@asynccontextmanager
async def serve_storage(
    bare: Settings, home: Path, config: Storage = CONFIG
) -> AsyncIterator[StorageServer]:
    """Storage with its files in `home`, mounted as the gateway mounts it."""
    config_ = bare.config.model_copy(update={"storage": config})
    settings = replace(bare, home=home, config=config_)
    app = web.Application()
    app.on_response_prepare.append(_name_headers)
    app.add_subapp("/storage/v1", create_app(settings))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            yield StorageServer(settings, f"http://{HOST}:{runner.addresses[0][1]}", http)
    finally:
        await runner.cleanup()


async def _name_headers(_: web.Request, response: web.StreamResponse) -> None:
    """As the gateway does for all services."""
    response.headers["Access-Control-Expose-Headers"] = "link"


def noise(size: int) -> bytes:
    """Bytes that no other call gives."""
    return os.urandom(size)
