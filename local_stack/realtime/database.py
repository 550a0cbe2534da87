"""The pools of connections on which Realtime asks what a subscriber may see."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool

SESSION = (
    # Text forms of values must be the same on all connections: they are compared.
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 "
    "-c bytea_output=hex -c search_path=public,extensions"
)
_POOL_SIZE = 4

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Rows = list[tuple[Any, ...]]


class Database:
    """Runs single statements, each its own transaction."""

    def __init__(self, url: str, seconds: float) -> None:
        """A statement that takes longer than `seconds` is cancelled."""
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=_POOL_SIZE,
            timeout=5,
            open=False,
            kwargs={
                "autocommit": True,
                "options": f"{SESSION} -c statement_timeout={seconds * 1000:.0f}",
            },
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def rows(self, query: LiteralString, parameters: Mapping[str, Any]) -> Rows:
        """All rows of a query that may be sent again if a pooled connection was dead.

        Raises:
            psycopg.Error: the query failed, or the database is not there.
        """
        return await self._on_live_connection(
            lambda connection: _rows(connection, query, parameters)
        )

    async def rows_undone(self, query: LiteralString, parameters: Mapping[str, Any]) -> Rows:
        """All rows of a query whose writes are rolled back.

        Raises:
            psycopg.Error: the query failed, or the database is not there.
        """

        async def undone(connection: Connection) -> Rows:
            async with connection.transaction(force_rollback=True):
                return await _rows(connection, query, parameters)

        return await self._on_live_connection(undone)

    async def _on_live_connection(self, work: Callable[[Connection], Awaitable[Rows]]) -> Rows:
        for _ in range(_POOL_SIZE):
            async with self._pool.connection() as connection:
                try:
                    return await work(connection)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
            await asyncio.sleep(0)
        raise psycopg.OperationalError("the database connection is lost")


async def _rows(
    connection: Connection, query: LiteralString, parameters: Mapping[str, Any]
) -> Rows:
    return await (await connection.execute(query, parameters)).fetchall()
