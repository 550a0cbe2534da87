"""The whole embedded stack, as `make up` starts it, for the tests that need all parts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack.environment import variables
from local_stack.ports import OFFSET_VARIABLE
from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings
from local_stack.testing import running_stack


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        """What `make env` prints."""
        return variables(self.settings)


def stack_command(
    home: Path, *arguments: str, offset: str = "0"
) -> "subprocess.CompletedProcess[str]":
    """Run one of the stack's commands on the stack in `home`."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "local_stack", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {HOME_VARIABLE: str(home), OFFSET_VARIABLE: offset},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One stack for the whole run: tests keep apart by their own users, products and orders."""
    with running_stack() as settings:
        yield Stack(settings)
