"""What carries the requests, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from orderbase import AsyncOrderbase, OrderbaseError, Request, Response
from orderbase._proxy import way_to

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What a client knows of proxies does not outlive a test."""
    way_to.cache_clear()
    yield
    way_to.cache_clear()


@asynccontextmanager
async def server(answer: bytes, host: str = "127.0.0.1") -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives each request the same answer; its port, and what it was asked, in lower case."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).lower())
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, host, 0) as listening:
        yield listening.sockets[0].getsockname()[1], asked


async def failure(url: str) -> OrderbaseError:
    async with AsyncOrderbase(url, "key", retries=0, timeout=5) as shop:
        with pytest.raises(OrderbaseError) as raised:
            await shop.products.list()
    return raised.value


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:{}"), ("127.0.0.1", "HTTP://127.0.0.1:{}//"),
     ("::1", "http://[::1]:{}/")],
)  # fmt: skip
async def test_an_address_is_taken_as_people_write_it(host: str, url: str) -> None:
    async with (
        server(ANSWER, host) as (port, asked),
        AsyncOrderbase(url.format(port), "key") as shop,
    ):
        assert await shop.products.list() == []
    assert asked[0].startswith(b"get /rest/v1/products?")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\ncontent-length: -4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_a_failed_connection(answer: bytes) -> None:
    async with server(answer) as (port, _):
        error = await failure(f"http://127.0.0.1:{port}")
    assert type(error).__name__ == "ConnectionFailed"


async def test_no_redirect_is_followed() -> None:
    answer = b"HTTP/1.1 308 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with server(answer) as (port, asked):
        error = await failure(f"http://127.0.0.1:{port}")
    assert (error.status, len(asked)) == (308, 1)


@pytest.mark.parametrize(
    "proxy", ["127.0.0.1:{}", "http://127.0.0.1:{}", "http://me:word@127.0.0.1:{}"]
)
async def test_the_environments_proxy_is_asked(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(ANSWER) as (port, asked):
        monkeypatch.setenv("http_proxy", proxy.format(port))
        monkeypatch.setenv("no_proxy", "elsewhere.test")
        async with AsyncOrderbase("http://shop.test", "key", retries=0) as shop:
            assert await shop.products.list() == []
    assert asked[0].startswith(b"get http://shop.test/rest/v1/products?")
    assert (b"\r\nproxy-authorization: basic bwu6d29yza==\r\n" in asked[0]) is ("@" in proxy)


async def test_a_proxy_that_refuses_leaks_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 407 Who are you?\r\ncontent-length: 0\r\n\r\n"
    async with server(refusal) as (port, asked):
        monkeypatch.setenv("https_proxy", f"http://me:pass-word@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "elsewhere.test")
        error = await failure("https://shop.test")
    assert asked[0].startswith(b"connect shop.test:443 ")
    assert b"\r\nproxy-authorization: basic bwu6cgfzcy13b3jk\r\n" in asked[0]
    assert "pass-word" not in f"{error} {error.__cause__}"


def test_what_is_logged_of_a_request_holds_no_secrets() -> None:
    headers = {"authorization": "Bearer secret"}
    request = Request(
        "POST", "http://shop.example/auth/v1/signup", headers, b'{"password":"secret"}'
    )
    shown = f"{request} {Response(200, b'secret', headers)}"
    assert "/auth/v1/signup" in shown
    assert "secret" not in shown
