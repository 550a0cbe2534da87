"""The child processes that decode uploads: a bomb ends one of them, and not the function."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from functions.images import wire
from functions.images.picture import Picture, Refused

_ROOT = Path(__file__).resolve().parents[2]
_MAX_ANSWER = 32 << 20
_USES = 100
_LAST_WORDS = 1.0
_KEPT = ("LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")


class Unfinished(Exception):  # noqa: N818 - says what happened
    """The child ended, or took too long, without having said anything: it may go better later."""


class Sandbox:
    """At most so many children at once; each is used again until it has failed or done enough."""

    def __init__(
        self, at_once: int, *, seconds: float = 60.0, module: str = "functions.images.child"
    ) -> None:
        """`seconds`: how long one picture may take by the clock."""
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self._module = module
        self._idle: list[_Child] = []

    async def process(self, content: bytes) -> Picture:
        """What `processing.process` makes of it.

        Raises:
            Refused: see there; also if the child had to be stopped for what it used.
            Unfinished: see there.
        """
        async with self._places:
            child = self._idle.pop() if self._idle else await _Child.start(self._module)
            try:
                async with asyncio.timeout(self._seconds):
                    payload = await child.ask(content)
                picture = wire.result_of(payload)
            except TimeoutError as error:
                await child.end()
                raise Unfinished(f"not done within {self._seconds:.0f} s") from error
            except (EOFError, ConnectionError, ValueError, LookupError, TypeError) as error:
                raise _failed(await child.last_words()) from error
            except BaseException:
                await child.end()
                raise
            await self._put_back(child)
            return picture

    async def close(self) -> None:
        """End those that wait."""
        while self._idle:
            await self._idle.pop().end()

    async def _put_back(self, child: "_Child") -> None:
        if child.uses < _USES:
            self._idle.append(child)
        else:
            await child.end()


class _Child:
    def __init__(self, process: Process) -> None:
        self._process = process
        self.uses = 0

    @classmethod
    async def start(cls, module: str) -> "_Child":
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=_environment(),
            )
        )

    async def ask(self, content: bytes) -> bytes:
        """The child's answer.

        Raises:
            EOFError, ConnectionError: it has ended.
            ValueError: what it says is too long.
        """
        self.uses += 1
        source, target = self._process.stdout, self._process.stdin
        assert source and target  # noqa: S101, PT018 - both are pipes
        target.write(wire.framed(content))
        await target.drain()
        size = int.from_bytes(await source.readexactly(wire.LENGTH))
        if size > _MAX_ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        return await source.readexactly(size)

    async def last_words(self) -> int:
        """Let it end by itself, if it is about to; gives how it ended."""
        try:
            async with asyncio.timeout(_LAST_WORDS):
                return await self._process.wait()
        except TimeoutError:
            return await self.end()

    async def end(self) -> int:
        """Kill it; gives how it ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()


def _environment() -> dict[str, str]:
    """What Python needs to start, and none of our secrets."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}


def _failed(code: int) -> Exception:
    if code == -signal.SIGXCPU:
        return Refused("too_demanding", "This picture takes more computing than it may.")
    return Unfinished(f"the process that decodes ended with {code}")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
