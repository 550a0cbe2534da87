"""Batches of SQS: each message is an event of the shop, and goes where our own events go."""

import json
import logging
from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.aws.source import Event
from functions.kit.database import Database, DatabaseError, Row

_LOG = logging.getLogger(__name__)
_DONE = ("delivered", "repeated")
_TOLD = ("type", "order_id", "user_id")
"""What is read of a message: no amount, no address; those are in our own rows."""


async def deliver(database: Database, event: Event) -> dict[str, list[dict[str, str]]]:
    """Deliver each message once; all of a batch are one call of the database.

    Returns what SQS expects under `ReportBatchItemFailures`: messages that it has to show again,
    and at last moves to its dead-letter queue. If the database does not answer, that is all.
    """
    records = list(SQSEvent(event).records)
    effects = await _effects(database, [_event_of(record) for record in records])
    failed = {
        record.message_id: effects.get(record.message_id, "unanswered")
        for record in records
        if effects.get(record.message_id) not in _DONE
    }
    if failed:
        _LOG.warning("messages were not delivered", extra={"fields": {"messages": failed}})
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


async def _effects(database: Database, events: list[Row]) -> dict[str, str]:
    try:
        rows = await database.call("deliver_events", {"events": events})
    except DatabaseError as error:
        _LOG.error("a batch was not delivered", extra={"fields": {"error": error}})
        return {}
    return {row["id"]: row["effect"] for row in rows}


def _event_of(record: SQSRecord) -> Row:
    """What the database takes; of a malformed body no more than the id, which it refuses."""
    said = _read(record.body)
    told = {name: said[name] for name in _TOLD if _is_plain(said.get(name))}
    # Other queues have groups, too, but keep no order.
    ordered = record.event_source_arn.endswith(".fifo")
    group = record.attributes.message_group_id if ordered else None
    return {"id": record.message_id, "group": group, **told}


def _read(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_plain(value: object) -> bool:
    """Postgres takes no NUL and no half of a character, and would refuse the whole batch."""
    return isinstance(value, str) and value.isprintable()
