"""A generator of orders over HTTP in a process of its own, as light as Python allows.

It writes requests and looks for the end of each answer; a client library would take half the CPU
of the machine that is to be measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import cast

import uvloop

from benchmarks.report import percentile
from benchmarks.shop import order

_IN_FLIGHT = 16


class Caller(asyncio.Protocol):
    """One connection that places an order after the other."""

    def __init__(self, tokens: Sequence[str], end: float, times: list[float]) -> None:
        self._tokens = tokens
        self._end = end
        self._times = times
        self._answer = b""
        self._begun = 0.0
        self._calls = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By a cast: uvloop's transports are not asyncio's by their class.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._call()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _complete(self._answer):
            return
        if not self._answer.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self._answer.decode()))
            return
        self._answer = b""
        self._times.append((time.perf_counter() - self._begun) * 1000)
        if time.perf_counter() < self._end:
            self._call()
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _call(self) -> None:
        body = json.dumps(order()).encode()
        self._calls += 1
        head = (
            "POST /rpc/place_order HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._tokens[self._calls % len(self._tokens)]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._begun = time.perf_counter()
        self._transport.write(head.encode() + body)


def _complete(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


async def load(host: str, port: int, tokens: list[str], seconds: float) -> dict[str, float]:
    """Orders per second, and the 99th percentile of their times in ms."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    callers = []
    for number in range(_IN_FLIGHT):
        caller = Caller(tokens[number::_IN_FLIGHT], end, times)
        await loop.create_connection(lambda caller=caller: caller, host, port)  # type: ignore[misc]
        callers.append(caller.done)
    await asyncio.gather(*callers)
    return {"per_second": len(times) / seconds, "p99": percentile(times, 99)}


def main() -> None:
    """Read what to do from standard input, as JSON; print the result as JSON."""
    print(json.dumps(uvloop.run(load(**json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
