"""One defence, and how to switch it off in a copy of the repository."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_SHARED = (".venv", "node_modules")
_TESTS_FAILED = 1
_SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """`old` is replaced by `new` in `file`; then `test` must fail."""

    name: str
    defence: str
    """What is switched off, for people."""
    file: str
    old: str
    new: str
    test: str
    """A pytest node id."""

    def apply(self, root: Path) -> None:
        """Switch the defence off below `root`.

        Raises:
            ValueError: the text is not there exactly once, so the table is stale.
        """
        path = root / self.file
        text = path.read_text("utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.old)} such places")
        path.write_text(text.replace(self.old, self.new), "utf-8")

    def is_caught(self) -> tuple[bool, str]:
        """Whether its test fails without the defence; and what pytest printed."""
        with _copy() as root:
            self.apply(root)
            result = subprocess.run(  # noqa: S603 - our own tests
                [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", self.test],
                cwd=root,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        # Errors alone, without a failed test, tell of a broken run.
        summary = result.stdout.rstrip().rpartition("\n")[2]
        caught = result.returncode == _TESTS_FAILED and " failed" in summary
        return caught, result.stdout + result.stderr


@contextmanager
def _copy() -> Iterator[Path]:
    """The files that git knows, as they are now, beside the installed packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="orderbase-mutant-") as folder:
        root = Path(folder)
        # PostgreSQL runs under another account, which must be able to look in.
        root.chmod(0o755)
        for name in filter(None, listed.stdout.split("\0")):
            source, target = REPOSITORY / name, root / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        for name in _SHARED:
            (root / name).symlink_to(REPOSITORY / name)
        yield root
