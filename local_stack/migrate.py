"""Brings a database to the state of `supabase/`: the official CLI does it, here as everywhere."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from local_stack.errors import StackError
from local_stack.ports import HOST
from local_stack.settings import Settings

_TIMEOUT_SECONDS = 120


def migrate(settings: Settings, applied: Path) -> None:
    """Apply what is missing of migrations and seed; the file `applied` remembers what was.

    Raises:
        StackError: the CLI is not installed, or a migration failed.
    """
    wanted = _fingerprint(settings.repository / "supabase")
    if applied.exists() and applied.read_text() == wanted:
        return
    supabase(settings, "db", "push", "--include-seed", "--include-all", "--skip-vault", "--yes")
    applied.write_text(wanted)


def configure(settings: Settings) -> None:
    """Tell the database where the functions are, what signs their wake-ups, and that it develops.

    Raises:
        StackError: the migrations lack the function for it.
    """
    secrets = {
        "functions_url": settings.functions_url,
        "webhook_secret": settings.keys.webhook_secret,
        "loopback_webhooks": "allowed",
    }
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        try:
            for name, value in secrets.items():
                connection.execute("select private.set_secret(%s, %s)", (name, value))
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName) as error:
            raise StackError("The migrations do not define private.set_secret.") from error


def supabase(settings: Settings, *arguments: str) -> str:
    """Run the official CLI on this stack's database, and return what it printed.

    Raises:
        StackError: it is not installed, failed, or took longer than two minutes.
    """
    program = settings.repository / "node_modules" / ".bin" / "supabase"
    if not program.exists() or shutil.which("node") is None:
        raise StackError("The Supabase CLI is not installed. Run `make setup` (needs Node 20).")
    # Any account may read a command line: the password goes by the environment.
    secret = {"PGPASSWORD": settings.keys.database_password, "PGSSLMODE": "disable"}
    address = f"postgresql://postgres@{HOST}:{settings.ports.postgres}/postgres"
    command = [str(program), *arguments, f"--remote={address}"]
    try:
        result = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=settings.repository,
            env=os.environ | secret | {"DO_NOT_TRACK": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"supabase {' '.join(arguments)} took too long.") from error
    if result.returncode != 0:
        raise StackError(f"supabase {arguments[0]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in [*sorted((folder / "migrations").glob("*.sql")), folder / "seed.sql"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
