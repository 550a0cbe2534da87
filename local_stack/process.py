"""One child of the supervisor."""

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_FILES = 65_536
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Process:
    """A program, and how to start, watch and stop it."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What `subprocess` needs besides: the account to run under."""
    _child: asyncio.subprocess.Process | None = None

    async def start(self, logs: Path) -> None:
        """Start it in the supervisor's process group, writing to `<name>.log`."""
        with (logs / f"{self.name}.log").open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *self.command,
                env=_inherited() | dict(self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent(self.stop_signal),
                **self.arguments,
            )

    async def wait(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        assert self._child is not None  # noqa: S101 - waited for after start
        return await self._child.wait()

    async def stop(self, patience: float = 10) -> None:
        """Ask it to stop; after `patience` seconds, kill it."""
        if self._child is None or self._child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._child.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(self._child.wait(), patience)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._child.kill()
            await self._child.wait()


def allow_many_files() -> None:
    """Each connection is an open file, and many systems allow 1,024 unless asked for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(most, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _die_with_parent(number: signal.Signals) -> Any:  # noqa: ANN401 - what `subprocess` takes
    """On Linux, no child outlives a supervisor that was killed without a chance to stop it."""
    libc = _libc
    if libc is None:
        return None

    def set_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)

    return set_signal


def _inherited() -> dict[str, str]:
    """Children see the paths and the language of the caller, none of their secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
    return {name: os.environ[name] for name in kept if name in os.environ}
