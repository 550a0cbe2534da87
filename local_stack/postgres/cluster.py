"""One PostgreSQL data directory: created, started, recovered and stopped."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from local_stack.errors import StackError
from local_stack.ports import HOST
from local_stack.postgres import account, binaries, templates
from local_stack.settings import CACHE, Settings

SUPERUSER = "supabase_admin"

_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "200",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "lc_messages": "C",
    # A shop's cluster is small: checkpoints by time, and no more WAL than that needs.
    "max_wal_size": "512MB",
    "autovacuum_naptime": "10s",
}


class Cluster:
    """The data directory of one stack and the server that owns it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._record = settings.home / "postgres.folder"
        self.folder = self._recorded() or account.reachable(settings.home / "postgres")
        self.data = self.folder / "data"
        self._programs = account.reachable(settings.repository / CACHE / "programs")

    def create(self) -> None:
        """Make the data directory if it is not there; a half-made one is made again.

        A stack that need not be durable gets a copy of one that is migrated already.

        Raises:
            StackError: the disk refuses, or PostgreSQL is not installed.
        """
        try:
            self._claim_folder()
            binaries.install(self._settings.repository, self._programs)
            if not self._made.exists():
                self._fill()
        except OSError as error:
            reason = _first_line(str(error), "[Errno")
            raise StackError(f"Cannot write the database to {self.folder}: {reason}") from error

    def command(self, **parameters: str) -> list[str]:
        """What starts the server in the foreground, with these parameters besides its own."""
        options = _OPTIONS | {"port": str(self._settings.ports.postgres)}
        if not self._settings.durable:
            # synchronous_commit stays on: without it the change stream lags by 200 ms and more.
            options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [f"--{name}={value}" for name, value in (options | parameters).items()]
        return [str(self._programs / "bin" / "postgres"), "-D", str(self.data), *settings]

    def recover(self) -> None:
        """Stop a server that a killed supervisor left behind, and drop a stale pid file."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        self._execute("pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=20")
        pid_file.unlink(missing_ok=True)

    def bootstrap(self) -> None:
        """Bring roles, schemas and the platform's own tables to what these files say.

        A copy is as new as any other: its jobs begin now, and have missed nothing.
        """
        if self._settings.template is not None:
            self._begin_jobs()
        sources = sorted(templates.BOOTSTRAP.glob("*.sql"))
        scripts = [path.read_text("utf-8") for path in sources]
        wanted = hashlib.sha256("".join(scripts).encode()).hexdigest()
        stamp = self.folder / "bootstrap.sha256"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        with psycopg.connect(self._settings.database_url(SUPERUSER), autocommit=True) as connection:
            password = self._settings.keys.database_password
            connection.execute("select set_config('bootstrap.password', %s, false)", (password,))
            for script in scripts:
                connection.execute(script.encode())
        stamp.write_text(wanted)

    def remove(self) -> None:
        """Delete the data."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._record.unlink(missing_ok=True)

    def _begin_jobs(self) -> None:
        with psycopg.connect(self._settings.database_url(), autocommit=True) as connection:
            connection.execute("update private.jobs set since = now()")

    @property
    def _made(self) -> Path:
        return self.folder / templates.MADE

    def _recorded(self) -> Path | None:
        """The folder of an earlier start; who may reach what can have changed since."""
        return Path(self._record.read_text("utf-8")) if self._record.exists() else None

    def _claim_folder(self) -> None:
        if not self._record.exists() and not self.folder.is_relative_to(self._settings.home):
            # What a home that was deleted by hand has left behind: nobody has its keys any more.
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        account.give(self.folder)
        self._record.write_text(str(self.folder), "utf-8")

    def _fill(self) -> None:
        template = self._settings.template
        if template is None:
            self._initialise()
            self._made.touch()
        else:
            templates.copy(template, self.folder)

    def _initialise(self) -> None:
        """initdb into an empty folder; the stamp is written last, so a killed run starts afresh."""
        shutil.rmtree(self.data, ignore_errors=True)
        (self.folder / "bootstrap.sha256").unlink(missing_ok=True)
        self.data.mkdir(mode=0o700)
        account.give(self.data)
        password = self.folder / "password"
        password.touch(mode=0o600)
        account.give(password)
        password.write_text(self._settings.keys.database_password)
        try:
            self._run(
                "initdb",
                f"--username={SUPERUSER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            )
        finally:
            password.unlink()
        _write_vault_key(self.data / "vault.key")

    def _run(self, program: str, *arguments: str) -> None:
        result = self._execute(program, *arguments)
        if result.returncode != 0:
            raise StackError(f"{program} failed: {_first_line(result.stderr, 'FATAL')}")

    def _execute(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own programs and arguments
            [self._programs / "bin" / program, *arguments, "-D", self.data],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **account.popen_arguments(),
        )


def _first_line(text: str, marker: str) -> str:
    """From the marker on, what a person needs to read of a long message."""
    where = max(text.find(marker), 0)
    return (text[where:].splitlines() or ["no reason given"])[0][:200]


def _write_vault_key(path: Path) -> None:
    """The key that encrypts the vault, in a file that only the server reads."""
    path.touch(mode=0o600)
    account.give(path)
    path.write_text(os.urandom(32).hex())
