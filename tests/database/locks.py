"""Somebody who waits for a lock, as the database sees them."""

import time

import psycopg

from tests.database.conftest import Row

_WAITING = """
select 1 from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


def wait_for_a_lock(owner: psycopg.Connection[Row], seconds: float = 30) -> None:
    """Return as soon as somebody waits for a lock; fail if nobody does in time."""
    deadline = time.monotonic() + seconds
    while not owner.execute(_WAITING.encode()).fetchall():
        assert time.monotonic() < deadline, "nobody waits for a lock"
        time.sleep(0.01)
