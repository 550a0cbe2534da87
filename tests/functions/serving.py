"""An app behind a real socket, served by uvicorn as in production."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from fastapi import FastAPI

from tests.functions.engine import until


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the app, whose lifespan is the context's."""
    # Only where the protocol is said does asyncio send at once, without waiting for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        host, port = listener.getsockname()
        config = uvicorn.Config(
            app, lifespan="on", log_config=None, access_log=False, proxy_headers=False
        )
        server = uvicorn.Server(config)
        with server.capture_signals():
            task = asyncio.create_task(server._serve([listener]))
            try:
                await until(lambda: server.started or task.done())
                async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
                    yield client
            finally:
                server.should_exit = True
                await task
