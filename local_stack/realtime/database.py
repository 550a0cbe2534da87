"""The pool of connections on which Realtime asks what a subscriber may see."""

import asyncio
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool

SESSION = (
    # Text forms of values must be the same on all connections: they are compared.
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 "
    "-c bytea_output=hex -c search_path=public,extensions -c statement_timeout=3s"
)
_POOL_SIZE = 4


class Database:
    """Runs single statements, each its own transaction."""

    def __init__(self, url: str) -> None:
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=_POOL_SIZE,
            timeout=5,
            open=False,
            kwargs={"autocommit": True, "options": SESSION},
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def rows(
        self, query: LiteralString, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """All rows of a query that only reads; it is sent again if a pooled connection was dead.

        Raises:
            psycopg.Error: the query failed, or the database is not there.
        """
        for _ in range(_POOL_SIZE):
            async with self._pool.connection() as connection:
                try:
                    return await (await connection.execute(query, parameters)).fetchall()
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
            await asyncio.sleep(0)
        raise psycopg.OperationalError("the database connection is lost")
