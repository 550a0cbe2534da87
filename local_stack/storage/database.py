"""Transactions that run as the caller, with all that policies may ask about the request."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from local_stack.settings import Settings
from local_stack.storage.callers import Caller

Connection = AsyncConnection[DictRow]
Row = dict[str, Any]

OPERATION = web.RequestKey("OPERATION", str)
"""Under this key a request carries what it is about to do."""

_SESSION_OPTIONS = (
    "-c timezone=UTC -c search_path=storage,public,extensions "
    "-c statement_timeout=30s -c lock_timeout=5s"
)
_MAX_CONNECTIONS = 10
_MAX_WAITING = 500
_SECRET_HEADERS = {"authorization", "apikey", "cookie"}
_SCOPE = """
select
  set_config('role', %(role)s, true),
  set_config('request.jwt.claim.role', %(role)s, true),
  set_config('request.jwt.claim.sub', %(subject)s, true),
  set_config('request.jwt.claims', %(claims)s, true),
  set_config('request.method', %(method)s, true),
  set_config('request.path', %(path)s, true),
  set_config('request.headers', %(headers)s, true),
  set_config('storage.operation', %(operation)s, true),
  set_config('storage.allow_delete_query', 'true', true)
"""


class Database:
    """The connections of Storage."""

    def __init__(self, settings: Settings) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            settings.database_url("supabase_storage_admin"),
            connection_class=AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row, "options": _SESSION_OPTIONS},
            min_size=1,
            max_size=_MAX_CONNECTIONS,
            max_waiting=_MAX_WAITING,
            timeout=10,
            check=AsyncConnectionPool.check_connection,
            name="storage",
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open(wait=True, timeout=20)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(
        self, caller: Caller, request: web.BaseRequest | None = None, *, trial: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction as `caller`; one that is only a `trial` is undone at the end.

        Raises:
            psycopg.Error: the database refuses or fails.
        """
        async with self._pool.connection() as conn, conn.transaction(force_rollback=trial):
            await conn.execute(_SCOPE, _scope(caller, request))
            yield conn


def _scope(caller: Caller, request: web.BaseRequest | None) -> dict[str, str]:
    headers = {} if request is None else {name.lower(): v for name, v in request.headers.items()}
    shown = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
    return {
        "role": caller.role,
        "subject": caller.subject or "",
        "claims": json.dumps(caller.claims),
        "method": "" if request is None else request.method,
        "path": "" if request is None else request.rel_url.raw_path,
        "headers": json.dumps(shown),
        "operation": "" if request is None else request.get(OPERATION, ""),
    }
