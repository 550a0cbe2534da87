"""For your own tests: a whole stack, or only its database, for as long as a context is open.

Any number may run side by side: each has its own folder and its own free ports. The first start
makes a migrated cluster, which later ones copy until a migration changes.

    with running_stack() as settings:
        client = create_client(settings.api_url, settings.keys.publishable_key)

    with databases() as server, server.clone() as url:
        psycopg.connect(url).execute("select * from public.products")
"""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from local_stack.errors import StackError
from local_stack.postgres.cluster import SUPERUSER
from local_stack.postgres.server import migrated
from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings

_TEMPLATE = "orderbase_template"


@contextmanager
def running_stack(*, without: Collection[str] = ()) -> Iterator[Settings]:
    """A whole stack, healthy: its addresses are properties, its keys in `keys`.

    Args:
        without: processes to leave to the caller: "functions", "payments".

    Raises:
        StackError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="orderbase-") as folder:
        home = Path(folder)
        options = [f"--without={name}" for name in without]
        try:
            _command(home, "up", "--free-ports", "--fast", *options)
            yield Settings.of_home(home)
        finally:
            _command(home, "reset")


class Databases:
    """One PostgreSQL that gives each test a database of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Postgres copies only a database that nobody is connected to: so not `postgres` itself.
        self._execute("create database {} template postgres", _TEMPLATE)

    @contextmanager
    def clone(self) -> Iterator[str]:
        """The address, as role `postgres`, of a new database with all migrations and the seed."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute("create database {} template {} owner postgres", name, _TEMPLATE)
        try:
            yield self._settings.database_url(database=name)
        finally:
            self._execute("drop database {} with (force)", name)

    def _execute(self, statement: str, *names: str) -> None:
        url = self._settings.database_url(SUPERUSER, database="template1")
        query = sql.SQL(statement).format(*map(sql.Identifier, names))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(query)


@contextmanager
def databases() -> Iterator[Databases]:
    """PostgreSQL alone, with all migrations and the seed."""
    with migrated() as settings:
        yield Databases(settings)


def _command(home: Path, *arguments: str) -> None:
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "local_stack", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {HOME_VARIABLE: str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise StackError(result.stderr.strip())
