"""A durable stack on free ports, for as long as a measurement takes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings


@dataclass(frozen=True)
class Started:
    """A running stack, and what its start took."""

    home: Path
    settings: Settings
    up_seconds: float

    def down(self) -> float:
        """Stop it; seconds."""
        return command(self.home, "down")


@contextmanager
def stack(*, without: Collection[str] = ()) -> Iterator[Started]:
    """Start one in an empty home: packages are installed, the database is not.

    Args:
        without: processes to leave to the caller: "functions", "payments".
    """
    with tempfile.TemporaryDirectory(prefix="orderbase-bench-") as folder:
        home = Path(folder)
        options = [f"--without={name}" for name in without]
        seconds = command(home, "up", "--free-ports", *options)
        try:
            yield Started(home, Settings.of_home(home), seconds)
        finally:
            command(home, "reset")


def command(home: Path, *arguments: str) -> float:
    """Run one of the stack's commands; the seconds it took."""
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "local_stack", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {HOME_VARIABLE: str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started
