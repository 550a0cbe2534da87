"""The background worker of an extension: it comes back when its connection is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg

from local_stack.settings import Settings

Work = Callable[[psycopg.AsyncConnection, asyncio.TaskGroup], Awaitable[None]]

_WAIT_FOR_EXTENSION_SECONDS = 0.25
# A restarted Postgres is back within a second, and a worker should not be what is waited for.
_LONGEST_BACKOFF_SECONDS = 1.0
_log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(settings: Settings, extension: str, table: str, work: Work) -> AsyncIterator[None]:
    """Do `work` while the context is open, once `table` of the extension is there.

    The work gets a connection as superuser and a group for its tasks; both end with the connection.

    Raises:
        ExceptionGroup: the work has failed by a bug, or the body raised. A failed worker
            cancels the body at once, so it cannot end unnoticed.
    """
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(_keep_working(settings, extension, table, work))
        yield
        worker.cancel()


async def connect(
    settings: Settings, extension: str, role: str = "supabase_admin", database: str = "postgres"
) -> psycopg.AsyncConnection:
    """An autocommitting connection that names the extension.

    Raises:
        psycopg.OperationalError: the database or the role is not to be had.
    """
    return await psycopg.AsyncConnection.connect(
        settings.database_url(),
        user=role,
        dbname=database,
        autocommit=True,
        application_name=extension,
        connect_timeout=5,
    )


async def _keep_working(settings: Settings, extension: str, table: str, work: Work) -> None:
    backoff = 0.0
    while True:
        try:
            async with (
                await connect(settings, extension) as connection,
                asyncio.TaskGroup() as tasks,
            ):
                await _wait_for_table(connection, table)
                backoff = 0.0
                await work(connection, tasks)
        except* (psycopg.OperationalError, psycopg.errors.UndefinedTable) as lost:
            if not backoff:
                reason = str(lost.exceptions[0]).partition("\n")[0]
                _log.warning("%s lost the database, trying again: %s", extension, reason)
        backoff = min(backoff * 2 or 0.1, _LONGEST_BACKOFF_SECONDS)
        await asyncio.sleep(backoff)


async def _wait_for_table(connection: psycopg.AsyncConnection, table: str) -> None:
    while True:
        cursor = await connection.execute("select to_regclass(%s) is not null", (table,))
        if await cursor.fetchone() == (True,):
            return
        await asyncio.sleep(_WAIT_FOR_EXTENSION_SECONDS)
