"""The rows of `realtime.messages`: broadcasts that the database sends, and its partitions."""

import asyncio
import logging

import psycopg

from local_stack.realtime import broadcasts
from local_stack.realtime.broadcasts import Broadcast, Meta
from local_stack.realtime.database import Database
from local_stack.realtime.pgoutput import Row

SCHEMA, TABLE = "realtime", "messages"
MAX_PAYLOAD = 3_000_000
"""Bytes of one broadcast."""
_KEEP_EVERY = 300.0
_RETRY_AFTER = 1.0

_KEEP_PARTITIONS = "select realtime.keep_partitions()::text"
_RECENT = """
select id::text, event, payload, '\\x' || encode(binary_payload, 'hex')
from realtime.recent(
  %(topic)s, to_timestamp(%(since)s::bigint / 1000.0) at time zone 'utc', %(limit)s::int
)
"""

_log = logging.getLogger(__name__)


class Messages:
    """What Realtime reads from the table and does for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, topic: str, since: int, limit: int) -> list[Broadcast]:
        """The last broadcasts of a private topic since a Unix time in ms, oldest first.

        Raises:
            psycopg.Error: the database is not there, or took too long.
        """
        parameters = {"topic": topic, "since": since, "limit": limit}
        rows = await self._database.rows(_RECENT, parameters)
        found = [
            _broadcast(event, payload, bytes_, {"replayed": True, "id": id_})
            for id_, event, payload, bytes_ in rows
        ]
        return [each for each in found if each]

    async def keep_partitions(self) -> None:
        """Make the partitions of the days around today, and drop old ones.

        Raises:
            psycopg.Error: the database is not there.
        """
        await self._database.rows(_KEEP_PARTITIONS, {})

    async def keep(self) -> None:
        """Keep the partitions until cancelled: without one, no message can be written."""
        while True:
            try:
                await self.keep_partitions()
            except psycopg.Error as error:
                _log.warning("the partitions of realtime.messages were not kept: %s", error)
                await asyncio.sleep(_RETRY_AFTER)
            else:
                await asyncio.sleep(_KEEP_EVERY)


def broadcast_of(row: Row) -> Broadcast | None:
    """The broadcast that a new row is, or None if it is not to be sent."""
    return _broadcast(
        row.get("event"), row.get("payload"), row.get("binary_payload"), {"id": row.get("id")}
    )


def _broadcast(
    event: str | None, payload: str | None, bytes_: str | None, meta: Meta
) -> Broadcast | None:
    if event is None or (payload is None and bytes_ is None):
        return None
    if bytes_ is None:
        found = broadcasts.of_json(event, payload or "null", meta, meta["id"])
    else:
        found = Broadcast(event, bytes.fromhex(bytes_[2:]), meta, meta["id"])
    if len(found.content) > MAX_PAYLOAD:
        _log.warning("message %s is too large to be broadcast", meta["id"])
        return None
    return found
