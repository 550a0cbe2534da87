"""Auth alone behind a real socket, mounted as the gateway mounts it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from aiohttp import ClientSession, web
from psycopg.rows import dict_row
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from local_stack.auth import create_app
from local_stack.config import Auth, AuthRateLimit
from local_stack.ports import HOST
from local_stack.postgres.cluster import SUPERUSER
from local_stack.settings import Settings

PASSWORD = "correct horse 1"  # noqa: S105 - of accounts that live as long as a test
NEVER_REACHED = AuthRateLimit(
    email_sent=10**6,
    anonymous_users=10**6,
    token_refresh=10**6,
    sign_in_sign_ups=10**6,
    token_verifications=10**6,
)


@dataclass(frozen=True)
class Reply:
    """What came back: the body is decoded JSON, or text where it is none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def refusal(self) -> tuple[int, str | None]:
        """Status and stable code."""
        return self.status, self.headers.get("x-sb-error-code")


@dataclass(frozen=True)
class AuthServer:
    """A running Auth and ways to speak to it."""

    settings: Settings
    http: ClientSession
    clients_http: httpx.AsyncClient

    async def call(
        self,
        method: str,
        path: str,
        json: object = None,
        token: str | None = None,
        **options: Any,  # noqa: ANN401 - whatever aiohttp's request takes
    ) -> Reply:
        """One request, with the bearer token if given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        url = f"{self.settings.api_url}/auth/v1{path}"
        options |= {"json": json} if json is not None else {}
        async with self.http.request(method, url, headers=headers, **options) as response:
            is_json = response.content_type == "application/json"
            body = await response.json() if is_json else await response.text()
            return Reply(response.status, body, {k.lower(): v for k, v in response.headers.items()})

    async def sign_up(self, email: str | None = None) -> dict[str, Any]:
        """The session of a new user."""
        credentials = {"email": email or new_email(), "password": PASSWORD}
        reply = await self.call("POST", "/signup", credentials)
        assert reply.status == 200, reply
        session: dict[str, Any] = reply.body
        return session

    async def refresh(self, token: str) -> Reply:
        """Use a refresh token."""
        return await self.call("POST", "/token?grant_type=refresh_token", {"refresh_token": token})

    async def admin(self, method: str, path: str, json: object = None) -> Reply:
        """One request with the secret key, as servers send it."""
        headers = {"apikey": self.settings.keys.secret_key}
        return await self.call(method, f"/admin/users{path}", json, headers=headers)

    async def client(self, key: str | None = None) -> AsyncClient:
        """The official client of this address, with nobody signed in."""
        return await acreate_client(
            self.settings.api_url,
            key or self.settings.keys.publishable_key,
            AsyncClientOptions(auto_refresh_token=False, httpx_client=self.clients_http),
        )

    async def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a statement run as superuser and committed."""
        url = self.settings.database_url(SUPERUSER)
        async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as conn:
            cursor = await conn.execute(statement.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def serve_auth(bare: Settings, config: Auth | None = None) -> AsyncIterator[AuthServer]:
    """Auth with this configuration, on a free port."""
    auth = config or Auth(enable_anonymous_sign_ins=True, rate_limit=NEVER_REACHED)
    with socket.create_server((HOST, 0)) as listener:
        settings = replace(
            bare,
            ports=replace(bare.ports, api=listener.getsockname()[1]),
            config=bare.config.model_copy(update={"auth": auth}),
        )
        gateway = web.Application()
        gateway.add_subapp("/auth/v1", create_app(settings))
        runner = web.AppRunner(gateway, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            async with ClientSession() as http, httpx.AsyncClient() as clients_http:
                yield AuthServer(settings, http, clients_http)
        finally:
            await runner.cleanup()


def new_email() -> str:
    """An address that nobody has."""
    return f"{uuid4().hex}@example.com"
