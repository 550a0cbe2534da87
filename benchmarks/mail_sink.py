"""A mail server that only counts: the inbox of the stack would cost more than what is measured.

The command XTAKE answers how many messages came, and counts afresh.
"""

import asyncio
import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

from local_stack.ports import HOST
from local_stack.settings import REPOSITORY

VARIABLE = "BENCH_SMTP_URL"
_END = b"\r\n.\r\n"
_GREETING = b"220 bench\r\n"
_ANSWERS = {
    b"EHLO": b"250-bench\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    """One client. All of them share the count."""

    taken = 0

    def __init__(self) -> None:
        self._buffer = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By a cast: uvloop's transports are not asyncio's by their class.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = b"".join(iter(self._next, b""))
        if answers:
            self._transport.write(answers)

    def _next(self) -> bytes:
        """The answer to what has come whole; nothing, if more must come."""
        part, found, rest = self._buffer.partition(_END if self._in_message else b"\r\n")
        if not found:
            return b""
        self._buffer = rest
        return self._took_message() if self._in_message else self._answer(part[:5].strip().upper())

    def _took_message(self) -> bytes:
        self._in_message = False
        Sink.taken += 1
        return b"250 taken\r\n"

    def _answer(self, command: bytes) -> bytes:
        self._in_message = command == b"DATA"
        if command == b"XTAKE":
            taken, Sink.taken = Sink.taken, 0
            return b"250 %d\r\n" % taken
        return _ANSWERS.get(command, b"250 ok\r\n")


def take() -> int:
    """How many messages came since it was last asked."""
    host, port = os.environ[VARIABLE].removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as client:
        _, answer = client.docmd("XTAKE")
    return int(answer)


@contextmanager
def running() -> Iterator[None]:
    """A sink in a process of its own; its address is in the environment meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mail_sink"], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert process.stdout
    os.environ[VARIABLE] = process.stdout.readline().decode().strip()
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def serve() -> None:
    """Until it is ended; the first line that it prints is its address."""
    server = await asyncio.get_running_loop().create_server(Sink, HOST, 0)
    print(f"smtp://{HOST}:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
