"""Building the SDK's distribution, and environments in which it is installed alone."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local_stack.settings import REPOSITORY

SDK = REPOSITORY / "client_sdk"
OLDEST = REPOSITORY / "requirements" / "oldest.txt"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
_PINNED = re.compile(r"^(?=([\w.-]+)==)((?:.*\\\n)*.*\n)", re.MULTILINE)


def uv(*arguments: str | Path) -> str:
    """What the package manager says."""
    return output(sys.executable, "-m", "uv", *arguments)


def build(folder: Path, *kinds: str) -> list[Path]:
    """What `kinds` ("--wheel", "--sdist") make; without any, a wheel of a source distribution."""
    options = ("--no-build-isolation", "--offline", "--python", sys.executable)
    uv("build", SDK, "--quiet", "--out-dir", folder, *options, *kinds)
    return sorted(folder.glob("orderbase-*"))


@dataclass(frozen=True)
class Alone:
    """An environment with one wheel, what that asks for, and nothing else."""

    folder: Path

    @classmethod
    def install(cls, folder: Path, wheel: Path, pins: Path) -> "Alone":
        """Make it, with the versions and hashes of `pins`. It takes the package index."""
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wanted = folder.with_suffix(".txt")
        lines = [f"orderbase @ {wheel.as_uri()} --hash=sha256:{digest}\n", *_needed(pins)]
        wanted.write_text("".join(lines), "utf-8")
        made = cls(folder)
        output(sys.executable, "-m", "venv", folder)
        # With pip, as the set-up: whatever it is told about the package index holds here, too.
        pip = (made.program("python"), "-m", "pip", "--disable-pip-version-check")
        output(*pip, "install", "--quiet", "--require-hashes", "--requirement", wanted)
        return made

    def program(self, name: str) -> Path:
        """One of its commands."""
        return self.folder / "bin" / name

    def run(self, code: str) -> str:
        """What a program prints that finds nothing but what is installed."""
        return output(self.program("python"), "-I", "-c", code)


def _needed(pins: Path) -> Iterator[str]:
    """Of all pins, those of what the SDK asks for: hashes are checked of named packages only."""
    names = {name for name, _ in _PINNED.findall(OLDEST.read_text("utf-8"))}
    return (line for name, line in _PINNED.findall(pins.read_text("utf-8")) if name in names)


def output(*command: str | Path, fails_with: int = 0) -> str:
    """What a command prints that ends with this code."""
    result = subprocess.run(  # noqa: S603 - our own commands
        list(map(str, command)),
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == fails_with, result.stdout
    return result.stdout
