"""What is known of a shop from outside, and one snapshot of its database."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.chaos.courier import parcels
from tests.chaos.shop import Row, Shop

_QUERIES = {
    "orders": "select id::text, status::text, ending::text, interrupted_status::text, total,"
    " currency, version from public.orders",
    "items": "select order_id::text, product_id::text, quantity from public.order_items",
    "events": "select id, order_id::text, type, status::text, version from public.order_events"
    " order by order_id, version",
    "stock": "select product_id::text, on_hand, reserved from public.inventory",
    "refunds": "select order_id::text, revision, amount, status from public.refunds",
    "emails": "select id::text, event, event_id, template, recipient, resend, status"
    " from public.emails",
    "templates": "select event_type, template from private.mail_templates",
    "letters": "select id, order_id::text from private.dead_letters where resolution is null",
    "alarms": "select kind, subject from public.alarms where cleared_at is null",
    "waiting": "select 'outbox' as place, subject as message from private.outbox"
    " union all select 'orders', message from pgmq.q_orders"
    " union all select 'emails', message from pgmq.q_emails",
    "tap": "select (message ->> 'event_id')::bigint as event_id, count(*) as times"
    " from pgmq.q_analytics group by 1",
    "tapped": "select event_type from private.event_routes join private.queues on name = queue"
    " where queue = 'analytics' and active",
    "differences": "select difference from engine.ledger_differences() as difference",
}


@dataclass
class Evidence:
    """Rows by the names above, and what others have; nothing that processes say of themselves."""

    rows: dict[str, list[Row]]
    intents: list[Row]
    charges: list[Row]
    repayments: list[Row]
    """Stripe's refunds."""
    mails: list[Row]
    parcels: list[dict[str, str]]


class Inbox:
    """Every mail that arrived: the mail server itself keeps only the newest."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._mails: dict[str, Row] = {}

    async def read(self) -> list[Row]:
        """All of them so far."""
        url = f"{self._shop.settings.mail_url}/api/v1/messages?limit=1000"
        for mail in (await self._shop.get(url))["messages"]:
            self._mails[mail["ID"]] = mail
        return list(self._mails.values())

    async def keep_reading(self) -> None:
        """Often enough that none is missed; until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(1)


async def gather(shop: Shop, inbox: Inbox, ledger_of_carrier: Path) -> Evidence:
    """Look everywhere, at the database in one snapshot."""
    rows = await _snapshot(shop.settings.database_url())
    ledger: dict[str, Any] = await shop.get(f"{shop.settings.payments_url}/_ledger")
    return Evidence(
        rows=rows,
        intents=ledger["intents"],
        charges=ledger["charges"],
        repayments=ledger["refunds"],
        mails=await inbox.read(),
        parcels=parcels(ledger_of_carrier),
    )


async def _snapshot(url: str) -> dict[str, list[Row]]:
    connection = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
    async with connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        return {
            name: await (await connection.execute(query)).fetchall()
            for name, query in _QUERIES.items()
        }
