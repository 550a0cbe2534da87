"""Clients that misbehave: the right 4xx for them, and nothing for the others to notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from local_stack.ports import HOST
from local_stack.process import allow_many_files
from local_stack.settings import HOME_VARIABLE
from tests.conftest import Stack

SOCKETS = 1000


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the publishable key."""
    headers = {"apikey": stack.environment["SUPABASE_PUBLISHABLE_KEY"]}
    url = stack.environment["SUPABASE_URL"]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:
        yield session


async def raw(stack: Stack, request: bytes) -> bytes:
    """The first line of the answer to these bytes."""
    reader, writer = await asyncio.open_connection(HOST, stack.settings.ports.api)
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return line


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /rest/v1/products HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /rest/v1/products?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /rest/v1/products HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
        b"POST /rest/v1/rpc/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_a_client_error(stack: Stack, request_bytes: bytes) -> None:
    line = await raw(stack, request_bytes)
    assert line.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), line


@pytest.mark.parametrize(
    "path",
    [
        "/rest/v1/products?select=%00",
        "/rest/v1/products?id=eq.%FF",
        "/rest/v1/%2e%2e/admin",
        "/rest/v1/products?or=((((((((((",
        "/rest/v1/products?order=price.;drop table products",
        "/rest/v1/products?name=eq.' or 1=1--",
        "/auth/v1/user%00",
        "/rest/v1//products",
    ],
)
async def test_a_hostile_path_is_no_server_error(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status < 500, await answer.text()


async def test_an_oversized_body_for_auth_is_refused(http: aiohttp.ClientSession) -> None:
    body = BytesIO(b'{"email": "' + b"x" * 3_000_000 + b'"}')
    async with http.post("/auth/v1/signup", data=body) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("announced", [True, False])
async def test_an_endless_body_is_refused_and_never_reaches_postgrest(
    stack: Stack, http: aiohttp.ClientSession, announced: bool
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b" " * (1 << 20)

    before = postgrest_memory(stack)
    length = {"Content-Length": str(400 << 20)} if announced else {}
    try:
        async with http.post("/rest/v1/rpc/place_order", data=body(), headers=length) as answer:
            assert answer.status == 413
    except aiohttp.ClientConnectionError:
        pass  # refused and hung up while we were still sending
    assert postgrest_memory(stack) - before < 200 << 20
    async with http.get("/rest/v1/products?limit=1") as answer:
        assert answer.status == 200


def postgrest_memory(stack: Stack) -> int:
    """Resident bytes: without a limit, PostgREST takes several times the body."""
    home = f"{HOME_VARIABLE}={stack.settings.home}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"postgrest" in (folder / "cmdline").read_bytes() and home in (
                folder / "environ"
            ).read_bytes().split(b"\0"):
                return int((folder / "statm").read_text().split()[1]) * 4096
    raise LookupError("PostgREST does not run")


async def test_half_open_connections_hold_nobody_up(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    opened = [await asyncio.open_connection(HOST, stack.settings.ports.api) for _ in range(200)]
    for number, (_, writer) in enumerate(opened):
        writer.write(b"POST /auth/v1/signup HTTP/1.1\r\nHost: x\r\n"[: 10 + number % 30])
    async with asyncio.timeout(10), http.get("/rest/v1/products?limit=1") as answer:
        assert answer.status == 200
    for _, writer in opened:
        writer.close()


async def test_a_thousand_idle_sockets_hold_nobody_up(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    allow_many_files()
    async with AsyncExitStack() as opened:
        sockets = [
            await opened.enter_async_context(http.ws_connect("/realtime/v1/websocket"))
            for _ in range(SOCKETS)
        ]
        async with asyncio.timeout(10), http.get("/rest/v1/products?limit=1") as answer:
            assert answer.status == 200
        heartbeat = {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "1"}
        await sockets[-1].send_json(heartbeat)
        async with asyncio.timeout(10):
            reply = await sockets[-1].receive_json()
        assert reply["payload"]["status"] == "ok"
        await asyncio.gather(*(socket.close() for socket in sockets))
