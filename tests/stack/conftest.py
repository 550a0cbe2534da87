"""A real, empty PostgreSQL of the embedded stack, for the tests of single services."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local_stack.ports import Ports
from local_stack.postgres import account
from local_stack.postgres.cluster import SUPERUSER, Cluster
from local_stack.settings import Settings


@pytest.fixture(scope="session")
def bare_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack of which only PostgreSQL runs: no migration, no other service."""
    home: Path = tmp_path_factory.mktemp("stack")
    settings = Settings.load(home, Ports.free(), durable=False)
    cluster = Cluster(settings)
    cluster.create()
    with (home / "postgres.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603 - our own command
            cluster.command(), cwd="/", stdout=log, stderr=log, **account.popen_arguments()
        )
    try:
        _wait_until_ready(settings.database_url(SUPERUSER))
        cluster.bootstrap()
        yield settings
    finally:
        server.terminate()
        server.wait(timeout=20)
        cluster.remove()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
