"""A migration written for Supabase applies unchanged, by the official CLI, and works."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local_stack.ports import Ports
from local_stack.postgres.server import serve
from local_stack.settings import REPOSITORY, Settings

PROJECT = Path(__file__).parent / "foreign_project"


def push(settings: Settings) -> None:
    result = subprocess.run(  # noqa: S603 - our own command
        [
            *(REPOSITORY / "node_modules" / ".bin" / "supabase", "db", "push", "--skip-vault"),
            *("--yes", "--workdir", PROJECT, f"--remote={settings.database_url()}"),
        ],
        env=os.environ | {"PGSSLMODE": "disable", "DO_NOT_TRACK": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def one(connection: psycopg.Connection, query: str, *arguments: object) -> object:
    row = connection.execute(query.encode(), arguments).fetchone()
    return row[0] if row else None


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A PostgreSQL of one's own: other tests would notice these triggers."""
    settings = Settings.load(tmp_path, Ports.free(), durable=False)
    with serve(settings) as cluster:
        yield settings
    cluster.remove()


def test_a_migration_for_supabase_applies_unchanged(settings: Settings) -> None:
    push(settings)
    user = uuid.uuid4()
    with psycopg.connect(settings.database_url("supabase_auth_admin")) as auth:
        auth.execute("insert into auth.users (id, email) values (%s, 'a@example.com')", (user,))
    with psycopg.connect(settings.database_url(), autocommit=True) as owner:
        assert one(owner, "select email from public.people where id = %s", user) == "a@example.com"
        owner.execute("insert into public.notes (owner, body) values (%s, 'hello')", (user,))
        sent = "select payload ->> 'operation' from realtime.messages where topic = %s"
        assert one(owner, sent, f"notes:{user}") == "INSERT"
        assert one(owner, "select count(*) from cron.job where jobname = 'nightly'") == 1
        assert one(owner, "select pgmq.send('jobs', '{}')") == 1
        assert one(owner, "select public.call_partner()")
        waiting = "select headers ->> 'Authorization' from net.http_request_queue"
        assert one(owner, waiting) == "Bearer s3cret"
        owner.execute("delete from net.http_request_queue")
        policies = "select count(*) from pg_policies where schemaname in ('storage', 'realtime')"
        assert one(owner, f"{policies} and policyname in ('own avatars', 'own topic')") == 2
