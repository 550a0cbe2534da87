"""A load generator that costs so little that a fast server is what is measured."""

import asyncio
import json
import subprocess
import sys
from typing import cast
from urllib.parse import urlsplit

import uvloop

from local_stack.settings import REPOSITORY

_IN_FLIGHT = 16


class Caller(asyncio.Protocol):
    """One connection that asks for the same again and again; answers say their Content-Length."""

    answers = 0
    """Of all callers."""

    def __init__(self, request: bytes, end: float) -> None:
        self._request = request
        self._end = end
        self._buffer = b""
        self._loop = asyncio.get_running_loop()
        self.done = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, parted, rest = self._buffer.partition(b"\r\n\r\n")
        if not parted or len(rest) < _length(head):
            return
        self._buffer = b""
        Caller.answers += 1
        if self._loop.time() < self._end:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None) if exc is None else self.done.set_exception(exc)


def _length(head: bytes) -> int:
    first, *lines = head.lower().split(b"\r\n")
    assert b" 200 " in first, first
    [length] = [line[15:] for line in lines if line.startswith(b"content-length:")]
    return int(length)


async def load(url: str, seconds: float) -> float:
    """Answers per second."""
    address = urlsplit(url)
    assert address.hostname, url
    request = f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    made = [
        await loop.create_connection(
            lambda: Caller(request, end), address.hostname, address.port or 80
        )
        for _ in range(_IN_FLIGHT)
    ]
    async with asyncio.timeout(seconds + 10):
        await asyncio.gather(*(caller.done for _, caller in made))
    return Caller.answers / seconds


def answers_per_second(url: str, seconds: float) -> float:
    """Of a load generator in a process of its own, 16 in flight."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.lean_load"],
        cwd=REPOSITORY,
        input=json.dumps({"url": url, "seconds": seconds}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(result.stdout))


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(**json.load(sys.stdin)))))
