"""A shop whose functions run only while an event is handled: each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from local_stack.environment import variables
from local_stack.settings import REPOSITORY, Settings
from local_stack.testing import running_stack
from tests.aws.documents import Event
from tests.conftest import Stack
from tests.functions.engine import Engine, running
from tests.products import product_maker


class Lambda:
    """One deployed function: its handler, in a process that stands still between events."""

    def __init__(self, function: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tests.aws.runtime", f"functions.aws.{function}"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(self, event: Event, seconds: float = 30) -> Any:  # noqa: ANN401 - any JSON
        """The reply, in a process that Lambda would kill after so many seconds."""
        assert self._process.stdin
        assert self._process.stdout
        call = {"event": event, "milliseconds": int(seconds * 1000)}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if error := said.get("error"):
            raise LambdaError(error)
        return said["reply"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class LambdaError(Exception):
    """The handler raised this type."""


Deploy = Callable[..., Lambda]


# A sweep that is routing events leaves a worker nothing to read, and wakes nobody here; and a
# newer run of a job replaces those that tests start.
_QUIET = """
select cron.unschedule('orderbase-' || name)
from unnest(array['sweep', 'check-jobs', 'daily']) as name
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Stack]:
    """A stack without functions, and whose clock does not meddle."""
    with running_stack(without=["functions"]) as settings:
        with psycopg.connect(settings.database_url(), autocommit=True) as owner:
            owner.execute(_QUIET)
        yield Stack(settings)


@pytest.fixture
def deploy(shop: Stack) -> Iterator[Deploy]:
    """Start the process of a function: `deploy("orders", SMTP_URL=…)`."""
    with ExitStack() as started:

        def start(function: str, **changed: str) -> Lambda:
            process = Lambda(function, variables(shop.settings) | changed)
            started.callback(process.close)
            return process

        yield start


@pytest.fixture
def settings(shop: Stack) -> Settings:
    return shop.settings


@pytest.fixture
def new_product(settings: Settings) -> Callable[..., str]:
    """Makes products with so many in stock; returns their ids."""
    return product_maker(settings)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """A running stand-in of the database's verbs."""
    async with running(Engine()) as engine:
        yield engine
