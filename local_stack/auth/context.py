"""What the handlers of one Auth share: its settings, connections, keys and limits."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import aiohttp
from aiohttp import web
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from local_stack.auth.hooks import Hook
from local_stack.auth.limits import Limits
from local_stack.auth.mailer import Mailer
from local_stack.auth.passwords import Passwords
from local_stack.auth.providers import TIMEOUT, Provider
from local_stack.auth.templates import Templates
from local_stack.settings import Settings
from local_stack.tokens import Tokens

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]
_SESSION_OPTIONS = "-c timezone=UTC -c statement_timeout=10s"
_MAX_CONNECTIONS = 8
_MAX_WAITING = 500


class Context:
    """One Auth; `CONTEXT` is where its application keeps it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.config = settings.config.auth
        self.tokens = Tokens(settings.keys)
        self.passwords = Passwords(self.config)
        self.limits = Limits.from_config(self.config.rate_limit)
        templates = Templates(self.config.email.template, settings.repository)
        self.mailer = Mailer(settings.ports.smtp, templates)
        self.token_hook = Hook.of(self.config.hook.custom_access_token)
        self.providers = {
            name: Provider(name, provider, f"{self.url}/callback")
            for name, provider in self.config.external.items()
            if provider.enabled and provider.url
        }
        self._pool = _pool(settings)
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where clients reach this Auth; also the issuer of its tokens."""
        return f"{self.settings.api_url}/auth/v1"

    @property
    def autoconfirm(self) -> bool:
        """Whether an e-mail address counts as confirmed without a mail."""
        return not self.config.email.enable_confirmations

    @property
    def http(self) -> aiohttp.ClientSession:
        """What providers are called with while the application runs."""
        assert self._http is not None  # noqa: S101 - requests come only while it runs
        return self._http

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A connection whose work commits at the end, or is undone by an exception."""
        return self._pool.connection()

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections and threads while the application runs."""
        await self._pool.open(wait=True, timeout=20)
        self._http = aiohttp.ClientSession(timeout=TIMEOUT)
        try:
            yield
        finally:
            await self._http.close()
            self.passwords.close()
            await self._pool.close()


CONTEXT = web.AppKey("CONTEXT", Context)


def _pool(settings: Settings) -> Pool:
    return AsyncConnectionPool(
        settings.database_url("supabase_auth_admin"),
        connection_class=Connection,
        kwargs={"row_factory": dict_row, "options": _SESSION_OPTIONS},
        min_size=1,
        max_size=_MAX_CONNECTIONS,
        max_waiting=_MAX_WAITING,
        timeout=10,
        check=AsyncConnectionPool.check_connection,
        name="auth",
        open=False,
    )
