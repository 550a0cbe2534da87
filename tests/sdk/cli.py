"""The command `orderbase`, run in the tests' process or in one of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from local_stack.settings import REPOSITORY
from orderbase.cli.app import app
from tests.conftest import Stack

PLACES = ("ORDERBASE_URL", "ORDERBASE_KEY", "SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY")
ADDRESS = (
    *("--name", "Ada", "--line1", "Main St 1", "--city", "Berlin"),
    *("--postal-code", "10115", "--country", "DE"),
)
BUYING = (*ADDRESS, "--payment-method", "pm_card_visa", "--email", "ada@example.com", "--yes")

# Interruptible also where the tests were started in the background.
_PROGRAM = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from orderbase.cli import main
sys.exit(main())
"""


class Cli:
    """The command, with a folder of its own to remember things in."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in (*PLACES, "ORDERBASE_PASSWORD"):
            patch.delenv(name, raising=False)
        patch.setenv("ORDERBASE_CONFIG_DIR", str(folder))
        patch.setenv("COLUMNS", "200")

    def run(self, *words: object, typed: str | None = None, exit_code: int = 0) -> "Said":
        """Run it to its end, which is to be this one."""
        result = CliRunner().invoke(
            app, [str(word) for word in words], input=typed, prog_name="orderbase"
        )
        assert result.exit_code == exit_code, result.output + repr(result.exception)
        assert "Traceback" not in result.output
        return Said(result.stdout, result.stderr)

    def json(self, *words: object) -> Any:  # noqa: ANN401 - any JSON
        """What it says to machines."""
        return json.loads(self.run(*words, "--json").out)

    @contextmanager
    def started(
        self,
        *words: object,
        **options: Any,  # noqa: ANN401 - of a process
    ) -> Iterator["subprocess.Popen[str]"]:
        """Run it in a process, which is ended with the context."""
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", _PROGRAM, *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "client_sdk" / "src")},
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


class Said:
    """What a command wrote."""

    def __init__(self, out: str, err: str) -> None:
        self.out = out
        self.err = err


@contextmanager
def at_terminal(cli: Cli, *words: object) -> Iterator["tuple[subprocess.Popen[str], int]"]:
    """The command at a terminal, and the terminal's other end."""
    terminal, own = pty.openpty()
    options = {"stdin": own, "stdout": own, "stderr": own, "start_new_session": True}
    try:
        with cli.started(*words, **options) as process:
            os.close(own)
            yield process, terminal
    finally:
        os.close(terminal)


def read_until(terminal: int, *wanted: str) -> str:
    """What the terminal shows until it has shown all of these."""
    shown = ""
    while not all(word in shown for word in wanted):
        shown += os.read(terminal, 65536).decode("utf-8", "replace")
    return shown


def read_rest(terminal: int) -> str:
    """What else it shows until the command ends."""
    shown = b""
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:  # Linux says so when nobody has it open
        pass
    return shown.decode("utf-8", "replace")


def interrupt(process: "subprocess.Popen[str]") -> int:
    """Press Ctrl-C; the exit code."""
    process.send_signal(signal.SIGINT)
    return process.wait(20)


def connected(cli: Cli, stack: Stack) -> Cli:
    """It knows the stack."""
    cli.run(
        "connect", stack.environment["SUPABASE_URL"], stack.environment["SUPABASE_PUBLISHABLE_KEY"]
    )
    return cli


def place(cli: Cli, product: UUID, quantity: int = 1) -> Any:  # noqa: ANN401 - any JSON
    """An order, as JSON."""
    return cli.json("place", f"{product}={quantity}", *BUYING)
