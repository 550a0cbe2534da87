"""The process that decodes what strangers made: bounded memory and time, and no inherited secret.

It keeps a broken decoder from taking the function along. It is no wall against code that takes the
decoder over: that may use the network, and read of its parent what the system lets its account see.

Reads uploads from standard input and writes answers to standard output, a frame each.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from functions.images import wire
from functions.images.picture import Picture, Refused
from functions.images.processing import process

MEMORY = 1536 << 20
"""Bytes of address space: the largest picture that is taken needs about half of it."""
SECONDS = 20
"""Of computing, for each picture; the largest need a few."""


def main(decode: Callable[[bytes], Picture] = process) -> None:
    """Answer until standard input ends."""
    answers = _take_standard_output()
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    while (content := _read(sys.stdin.buffer)) is not None:
        _limit_time()
        payload = wire.answer(_result(decode, content))
        answers.write(wire.framed(payload))
        answers.flush()


def _take_standard_output() -> BinaryIO:
    """What a library prints must not stand between answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _limit(what: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # not every system keeps every limit
        resource.setrlimit(what, (most, most))


def _limit_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(wire.LENGTH)
    return source.read(int.from_bytes(head)) if len(head) == wire.LENGTH else None


def _result(decode: Callable[[bytes], Picture], content: bytes) -> Picture | Refused:
    try:
        return decode(content)
    except Refused as refusal:
        return refusal
    except MemoryError:
        return Refused("too_demanding", "This picture takes more memory than it may.")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the function, which closes stdin
    main()
