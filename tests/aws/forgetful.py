"""A network between the functions and their database that forgets idle connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from local_stack.ports import HOST


class Forgetful:
    """A port that leads to another, until it closes what is open."""

    url: str

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, address: str) -> AsyncIterator["Forgetful"]:
        """One before the server at this URL."""
        network = cls(urlsplit(address).port or 0)
        server = await asyncio.start_server(network._serve, HOST, 0)
        network.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield network
            await network.forget()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def forget(self) -> None:
        """Close every connection, as a server does that has waited long enough."""
        known, self._open = self._open, set()
        for writer in known:
            writer.close()
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(HOST, self._port)
        self._open.add(writer)
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        self._open.discard(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
