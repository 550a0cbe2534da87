"""Whether a stack runs in a home, and how to stop it: by a lock that is held while it lives."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local_stack.errors import StackError

_STOP_SECONDS = 40
_LOCK_SECONDS = 0.3


class Instance:
    """The one supervisor a home may have. A lock dies with its process, so it is never stale."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = home / "lock"
        self._ready = home / "ready"
        self.last_error = home / "last_error"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be that supervisor while the context is open.

        Raises:
            StackError: another one is, or the home cannot be written.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            file = self._lock.open("a+")
        except OSError as error:
            raise StackError(f"Cannot write to {self._home}: {error.strerror}.") from error
        with file:
            if not _lock(file):
                raise StackError("The stack already runs here. See: make status.")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._ready.unlink(missing_ok=True)
            self.last_error.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._ready.unlink(missing_ok=True)

    def forget_ready(self) -> None:
        """Drop what a killed supervisor has left; only while none runs."""
        self._ready.unlink(missing_ok=True)

    def mark_ready(self) -> None:
        """Say that everything answers."""
        self._ready.touch()

    @property
    def pid(self) -> int | None:
        """The supervisor's process, or None when none runs."""
        try:
            with self._lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except OSError:
            pass
        return None

    @property
    def ready(self) -> bool:
        """Whether a stack runs here and has become healthy."""
        return self._ready.exists() and self.pid is not None

    def stop(self) -> bool:
        """Stop it and wait until it is gone; False when none runs.

        Raises:
            StackError: it does not stop.
        """
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.pid == pid or _is_alive(pid):
            if time.monotonic() > deadline:
                raise StackError(f"Process {pid} does not stop. Its log: {self._home / 'logs'}.")
            time.sleep(0.02)
        return True


def _lock(file: IO[str]) -> bool:
    """Try for a moment: whoever asks whether a stack runs holds the lock for an instant, too."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and only waits for its parent to notice (Linux says so in /proc)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] == "Z"
