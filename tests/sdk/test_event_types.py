"""The types of events that the client knows, and explains, are those that the database writes."""

import re
from collections.abc import Callable
from typing import LiteralString, get_args

import psycopg
import pytest

from local_stack.settings import REPOSITORY
from orderbase import OrderEventType, OrderStatus
from tests.conftest import Stack

Texts = Callable[[LiteralString], set[str]]

LIVE = REPOSITORY / "client_sdk" / "docs" / "guides" / "live.md"
_WRITTEN = re.compile(r"\b(?:record_event|note_event)\([^;]*?'(order\.\w+)'")
_MOVED = "perform private.record_event(moved, 'order.' || new_status, event_data)"


@pytest.fixture
def texts(stack: Stack) -> Texts:
    """Asks the database for texts."""

    def ask(query: LiteralString) -> set[str]:
        with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
            return {str(row[0]) for row in connection.execute(query)}

    return ask


def table() -> dict[str, tuple[str, str]]:
    """What the guide says of each type: the status after it, and who tells it."""
    lines = re.findall(r"^\| `order\..*$", LIVE.read_text("utf-8"), re.MULTILINE)
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in lines]
    return {kind: (status, tellers) for _, kind, _, status, _, tellers, _ in rows}


def test_all_that_the_database_writes_are_known(texts: Texts) -> None:
    bodies = texts(
        "select prosrc from pg_proc where pronamespace in "
        "('private'::regnamespace, 'engine'::regnamespace, 'public'::regnamespace)",
    )
    written = {kind for body in bodies for kind in _WRITTEN.findall(body)}
    assert any(_MOVED in body for body in bodies)
    moved = texts("select distinct 'order.' || to_status from private.status_changes")
    assert written | moved | {"order.needs_attention"} == set(get_args(OrderEventType))


def test_all_that_is_routed_is_known(texts: Texts) -> None:
    routed = texts("select event_type from private.event_routes where event_type like 'order.%'")
    # Makes an order's step due, and is no event of the order.
    assert routed - {"order.payment_changed"} == set(get_args(OrderEventType))


def test_all_are_explained() -> None:
    explained = table()
    assert tuple(explained) == get_args(OrderEventType)
    statuses = {status for status, _ in explained.values()}
    assert statuses - {"the same", "what it was before that"} == set(get_args(OrderStatus))


def test_the_guide_says_which_webhooks_tell(texts: Texts) -> None:
    offered = texts("select private.webhook_event_types()")
    told = {kind for kind, (_, tellers) in table().items() if tellers == "feed, webhooks"}
    assert told | {"image.processed"} == offered
    assert {tellers for _, tellers in table().values()} == {"feed, webhooks", "feed"}
