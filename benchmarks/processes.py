"""Processes that a benchmark runs itself, beside those of the stack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import mail_sink
from local_stack.environment import variables
from local_stack.ports import HOST
from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings

FUNCTIONS = ("uvicorn", "functions.main:app", "--no-access-log", "--log-level=warning")


def environment(settings: Settings) -> dict[str, str]:
    """What the stack gives its processes, so that they count as its own."""
    mail = {"SMTP_URL": os.environ[mail_sink.VARIABLE]} if mail_sink.VARIABLE in os.environ else {}
    return os.environ | variables(settings) | mail | {HOME_VARIABLE: str(settings.home)}


def run(settings: Settings, *arguments: str) -> None:
    """A Python module, to its end."""
    subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, env=environment(settings), check=True
    )


@contextmanager
def running(
    settings: Settings, *arguments: str, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module, as long as the context is open; what it says is in the stack's logs.

    `variables` are added to its environment.
    """
    with (settings.logs / "bench.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=environment(settings) | variables,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def payments(settings: Settings) -> Iterator[None]:
    """The Stripe double without webhooks: not every peer would listen to them."""
    port, ledger = settings.ports.payments, settings.home / "payments.sqlite"
    with running(settings, "local_stack.payments", f"--port={port}", f"--ledger={ledger}"):
        yield


def functions(settings: Settings) -> tuple[str, ...]:
    """The arguments that run our own functions."""
    return (*FUNCTIONS, f"--host={HOST}", f"--port={settings.ports.functions}")
