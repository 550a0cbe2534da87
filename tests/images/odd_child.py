"""The child process, with a decoder that does what an upload tells it to."""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable

from functions.images import child
from functions.images.picture import Picture, Refused

_ANSWERS = 3
"""The descriptor that the function listens to."""


def spin() -> None:
    while True:
        pass


def eat() -> None:
    _ = [bytes(100 << 20) for _ in range(30)]  # takes addresses, and no time


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep() -> None:
    time.sleep(3600)


def leave() -> None:
    sys.exit(0)


def lie() -> None:
    os.write(_ANSWERS, (1 << 62).to_bytes(8))


def chat() -> None:
    sys.stdout.write("a library says something\n")
    sys.stdout.flush()
    os.write(1, b"and again")


def write() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")


def environment() -> None:
    raise Refused("damaged", json.dumps(dict(os.environ)))


HABITS: dict[bytes, Callable[[], None]] = {
    b"spin": spin,
    b"eat": eat,
    b"crash": crash,
    b"sleep": sleep,
    b"leave": leave,
    b"lie": lie,
    b"chat": chat,
    b"write": write,
    b"environment": environment,
}


def decode(content: bytes) -> Picture:
    if content in HABITS:
        HABITS[content]()
    return Picture(1, 1, "#000000", str(os.getpid()), ())


if __name__ == "__main__":
    child.SECONDS = 1
    child.main(decode)
