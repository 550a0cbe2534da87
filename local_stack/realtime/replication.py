"""A streaming replication connection: what PostgreSQL decoded, as soon as it is committed."""

import asyncio
import secrets
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.pq.abc import PGconn

from local_stack.realtime.database import SESSION

PUBLICATION = "supabase_realtime"
_MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"

_ENDED = -1
_DATA, _KEEPALIVE, _STATUS = b"w", b"k", b"r"
_STATUS_EVERY = 10.0
_BURST = 64
_UNIX_2000 = 946_684_800


@asynccontextmanager
async def open_stream(url: str) -> AsyncIterator["ReplicationStream"]:
    """Follow both publications from now on; the slot lives as long as the connection.

    Raises:
        psycopg.Error: PostgreSQL is not there or refuses.
    """
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, replication="database", options=SESSION, connect_timeout=5
    )
    try:
        slot = f"realtime_{secrets.token_hex(8)}"
        create = f"CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')"
        await connection.execute(create.encode())
        yield await _start(connection.pgconn, slot)
    finally:
        await connection.close()


async def _start(connection: PGconn, slot: str) -> "ReplicationStream":
    command = (
        f"START_REPLICATION SLOT {slot} LOGICAL 0/0 "
        f"(proto_version '1', publication_names '{PUBLICATION},{_MESSAGES_PUBLICATION}')"
    )
    connection.send_query(command.encode())
    while connection.is_busy():
        await _readable(connection)
        connection.consume_input()
    result = connection.get_result()
    if result is None or result.status != psycopg.pq.ExecStatus.COPY_BOTH:
        raise psycopg.OperationalError(connection.get_error_message())
    connection.nonblocking = 1
    return ReplicationStream(connection)


class ReplicationStream:
    """The plugin's messages; asking for the next one says that the last one was dealt with."""

    def __init__(self, connection: PGconn) -> None:
        self._connection = connection
        self._received = 0
        self._status_sent_at = time.monotonic()

    async def messages(self) -> AsyncIterator[bytes]:
        """Messages in commit order, without end.

        Raises:
            psycopg.OperationalError: the connection is lost.
        """
        burst = 0
        while True:
            length, data = self._connection.get_copy_data(1)
            if length == _ENDED:
                raise psycopg.OperationalError("the replication stream ended")
            if length == 0:
                await _readable(self._connection)
                self._connection.consume_input()
            elif message := self._unwrap(bytes(data)):
                yield message
            burst += 1
            if burst % _BURST == 0:
                await asyncio.sleep(0)  # a large transaction must not starve the other services

    def _unwrap(self, data: bytes) -> bytes | None:
        """The plugin's message in a data frame; a keep-alive is answered and gives None."""
        kind = data[:1]
        if kind == _KEEPALIVE:
            (end,) = struct.unpack_from("!q", data, 1)
            self._received = max(self._received, end)
            self._send_status()
            return None
        if kind != _DATA:
            return None
        _start_lsn, end = struct.unpack_from("!qq", data, 1)
        self._received = max(self._received, end)
        if time.monotonic() - self._status_sent_at > _STATUS_EVERY:
            self._send_status()
        return data[25:]

    def _send_status(self) -> None:
        now = int((time.time() - _UNIX_2000) * 1_000_000)
        at = self._received
        self._connection.put_copy_data(_STATUS + struct.pack("!qqqqb", at, at, at, now, 0))
        self._connection.flush()
        self._status_sent_at = time.monotonic()


async def _readable(connection: PGconn) -> None:
    """Wait until the server has sent something."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    descriptor = connection.socket
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
