"""What has become of orders: read from the database, the Stripe double's books, the mail sink."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import psycopg

from benchmarks import mail_sink
from local_stack.settings import Settings

_PATIENCE = 120.0
_REACHED = """
select count(*) from public.orders join public.order_events on order_id = orders.id
where number > %s and order_events.status = %s::public.order_status
"""
_FACTS = """
select id::text, status::text,
  (select count(*) from public.emails where order_id = orders.id and status = 'sent'),
  (select count(*) from public.payment_entries where order_id = orders.id),
  (select count(*) from public.stock_movements where order_id = orders.id),
  (select count(*) from public.shipments where order_id = orders.id)
from public.orders
where number > %s
"""
_EXPECTED = ["completed", 2, 1, 6, 1]


def value(settings: Settings, query: str, *arguments: object) -> Any:  # noqa: ANN401 - any column
    """The first column of the first row."""
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        row = connection.execute(query.encode(), arguments).fetchone()
    return row[0] if row else None


def last_number(settings: Settings) -> int:
    """The number of the newest order."""
    return int(value(settings, "select coalesce(max(number), 0) from public.orders"))


def wait_for(settings: Settings, after: int, count: int, status: str) -> None:
    """Until that many orders have come so far.

    Raises:
        TimeoutError: they do not.
    """
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        while (reached := _count(connection, after, status)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {reached} of {count} orders are {status}")
            time.sleep(0.2)


def _count(connection: psycopg.Connection, after: int, status: str) -> int:
    [reached] = connection.execute(_REACHED, (after, status)).fetchone() or (0,)
    return int(reached)


def check(settings: Settings, after: int) -> int:
    """Everything was done, and charged once; how many mails were sent more than once."""
    with psycopg.connect(settings.database_url()) as connection:
        rows = connection.execute(_FACTS, (after,)).fetchall()
    charges = _charges(settings)
    for order_id, *facts in rows:
        assert facts == _EXPECTED, (order_id, facts)
        assert charges[order_id] == 1, f"{order_id} was charged {charges[order_id]} times"
    mails = mail_sink.take()
    assert mails >= 2 * len(rows), f"{mails} mails of {len(rows)} orders"
    return mails - 2 * len(rows)


def _charges(settings: Settings) -> Mapping[str, int]:
    """By order, from the Stripe double's own books."""
    ledger = sqlite3.connect(f"file:{settings.home / 'payments.sqlite'}?mode=ro", uri=True)
    query = """select document ->> '$.metadata.order_id', count(*) from objects
        where kind = 'charge' group by 1"""
    return defaultdict(int, ledger.execute(query).fetchall())
