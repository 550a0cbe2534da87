"""Batches of messages: one call for all, and only those that failed come again."""

import json
import logging

import pytest

from functions.aws.sqs import deliver
from tests.aws.databases import Notes
from tests.aws.documents import batch, failures

ORDER = "00000000-0000-4000-8000-000000000001"
PLACED = {"type": "order.placed", "order_id": ORDER}
DONE = {"order.placed": "delivered", "user.created": "repeated"}


async def test_a_batch_is_one_call_that_says_no_more_than_it_must() -> None:
    database = Notes(DONE)
    event = batch(PLACED | {"amount": 1}, {"type": "user.created", "user_id": ORDER})
    assert await deliver(database, event) == {"batchItemFailures": []}
    ids = [record["messageId"] for record in event["Records"]]
    events = [
        {"id": ids[0], "group": None, **PLACED},
        {"id": ids[1], "group": None, "type": "user.created", "user_id": ORDER},
    ]
    assert database.calls == [("deliver_events", {"events": events})]


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "null", "7", "[]", '"order.placed"', "{}", '{"type": 7}', '{"type": null}',
        '{"type": "order.unheard_of"}', '{"type": ["order.placed"]}', "[" * 100_000,
        '{"type": "order.placed\\u0000"}', '{"type": "\\ud800"}', "Test message.",
    ],
)  # fmt: skip
async def test_a_bad_message_alone_comes_again(body: str) -> None:
    database = Notes(DONE)
    event = batch(PLACED, body, PLACED)
    assert await deliver(database, event) == failures(event, 1)
    text = json.dumps(database.events())
    assert "\\u0000" not in text
    assert "\\ud800" not in text


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 7, None, {"a": 1}])
async def test_a_subject_that_postgres_cannot_read_is_left_out(value: object) -> None:
    database = Notes(DONE)
    await deliver(database, batch(PLACED | {"order_id": value}))
    [event] = database.events()
    assert "order_id" not in event


async def test_without_a_database_all_come_again(caplog: pytest.LogCaptureFixture) -> None:
    event = batch(PLACED, PLACED)
    with caplog.at_level(logging.WARNING):
        assert await deliver(Notes(away=True), event) == failures(event, 0, 1)
    assert ORDER not in caplog.text


async def test_only_a_queue_that_keeps_order_has_its_groups_told() -> None:
    for name, expected in (("sqs", [None, None]), ("sqs_fifo", ["a", "b"])):
        database = Notes(DONE)
        await deliver(database, batch(PLACED, PLACED, name=name, groups="ab"))
        assert [event["group"] for event in database.events()] == expected
