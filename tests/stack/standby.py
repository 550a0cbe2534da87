"""Commits that wait for a standby: they are in the stream, but nobody can read their rows yet."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg

from local_stack.postgres.cluster import SUPERUSER
from local_stack.settings import Settings
from tests.stack.realtime_kit import eventually

_WAITS = "select exists (select from pg_stat_activity where wait_event = 'SyncRep')"
_STREAM_HAS_ALL = "select bool_and(sent_lsn >= pg_current_wal_flush_lsn()) from pg_stat_replication"


@asynccontextmanager
async def waiting_commit(
    settings: Settings, write: Callable[[], object]
) -> AsyncIterator[psycopg.Connection]:
    """Repeats `write` until a commit of it waits, and ends that wait after the block.

    Gives a superuser's session.
    """
    with psycopg.connect(settings.database_url(SUPERUSER), autocommit=True) as admin:
        seen = threading.Event()
        _set_standby(admin, "nobody")
        writing = asyncio.create_task(asyncio.to_thread(_repeat_until, seen, write))
        try:
            await eventually(lambda: holds(admin, _WAITS))
            await eventually(lambda: holds(admin, _STREAM_HAS_ALL))
            yield admin
        finally:
            seen.set()
            _set_standby(admin, "")
            await writing


def holds(db: psycopg.Connection, query: LiteralString) -> bool:
    """Whether the query says so."""
    row = db.execute(query).fetchone()
    return bool(row and row[0])


def _repeat_until(stop: threading.Event, write: Callable[[], object]) -> None:
    """The server takes up the setting when it likes: only then does a commit wait."""
    while not stop.wait(0.005):
        write()


def _set_standby(admin: psycopg.Connection, name: LiteralString) -> None:
    admin.execute(f"alter system set synchronous_standby_names = '{name}'")
    admin.execute("select pg_reload_conf()")
