"""PostgreSQL alone, while a context is open: for tests, and for tools that read the schema."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from local_stack import migrate
from local_stack.errors import StackError
from local_stack.locks import locked
from local_stack.ports import Ports
from local_stack.postgres import account, templates
from local_stack.postgres.cluster import SUPERUSER, Cluster
from local_stack.settings import CACHE, REPOSITORY, Settings

_START_SECONDS = 20


@contextmanager
def serve(settings: Settings, **parameters: str) -> Iterator[Cluster]:
    """A server with Supabase's roles and schemas, stopped at the end; its data stay.

    Args:
        settings: the stack whose database it is.
        parameters: of PostgreSQL, such as `autovacuum="off"`.

    Raises:
        StackError: it does not start.
    """
    cluster = Cluster(settings)
    cluster.create()
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / "postgres.log").open("ab") as log:
        server = subprocess.Popen(  # noqa: S603 - our own command
            cluster.command(**parameters),
            cwd="/",
            stdout=log,
            stderr=log,
            **account.popen_arguments(),
        )
    try:
        _wait_until_ready(settings)
        cluster.bootstrap()
        yield cluster
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)


@contextmanager
def migrated(**parameters: str) -> Iterator[Settings]:
    """A throw-away database with all migrations and the seed, on free ports; see `serve`."""
    with tempfile.TemporaryDirectory(prefix="orderbase-") as folder:
        settings = Settings.load(Path(folder), Ports.free(), durable=False, template=template())
        with serve(settings, **parameters) as cluster:
            yield settings
        cluster.remove()


def template() -> Path:
    """The home of a migrated cluster to copy; made if the one that is there is of another schema.

    Raises:
        StackError: PostgreSQL or the CLI is not installed, or a migration fails.
    """
    folder = REPOSITORY / CACHE / "templates"
    home = folder / templates.fingerprint(REPOSITORY)
    with locked(folder / "lock"):
        if not (home / templates.MADE).exists():
            for old in folder.glob("*/"):
                shutil.rmtree(account.reachable(old / "postgres"), ignore_errors=True)
                shutil.rmtree(old)
            settings = Settings.load(home, Ports.free(), durable=False)
            with serve(settings) as cluster:
                migrate.migrate(settings, cluster.folder / "applied")
            (home / templates.MADE).touch()
    return home


def _wait_until_ready(settings: Settings) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(settings.database_url(SUPERUSER)).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise StackError(f"PostgreSQL does not start; see {settings.logs}.") from error
            time.sleep(0.02)
        else:
            return
