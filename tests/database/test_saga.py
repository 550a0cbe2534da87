"""The state machine in the database is the one that the functions declare."""

from itertools import product

import psycopg
import pytest

from functions.orders.saga import SAGA
from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import Line
from tests.database.test_ledger_differences import planting


def test_its_steps_are_the_declared_ones(line: Line) -> None:
    rows = line.rows("select name, due_in::text, compensated_by from private.steps")
    assert {(row["name"], row["due_in"], row["compensated_by"]) for row in rows} == {
        (step.name, step.due_in, step.compensated_by) for step in SAGA.steps
    }


def test_its_edges_are_the_declared_ones(line: Line) -> None:
    rows = line.rows("select from_status::text, to_status::text from private.status_changes")
    assert sorted((row["from_status"], row["to_status"]) for row in rows) == SAGA.edges()


def test_a_new_order_begins_where_the_saga_does(line: Line) -> None:
    assert line.place()["status"] == SAGA.begins_in


def test_an_order_moves_along_the_edges_and_no_others(line: Line, database: Settings) -> None:
    """Over all pairs of statuses; besides, each may come to need attention, once."""
    statuses = [
        row["status"]
        for row in line.rows("select unnest(enum_range(null::public.order_status))::text as status")
    ]
    order = line.place()
    allowed = set(SAGA.edges())
    allowed |= {(status, "needs_attention") for status in statuses if status != "needs_attention"}
    moved = {
        (start, end)
        for start, end in product(statuses, statuses)
        if _moves(database, order, start, end)
    }
    assert moved == allowed


def _moves(database: Settings, order: Row, start: str, end: str) -> bool:
    with planting(database) as connection:
        connection.execute(
            "update public.orders set status = %s where id = %s", (start, order["id"])
        )
        connection.execute("set session_replication_role = origin")
        try:
            connection.execute(
                "update public.orders set status = %s, version = version + 1 where id = %s",
                (end, order["id"]),
            )
        except psycopg.errors.CheckViolation:
            return False
        return True


def test_from_needing_attention_it_goes_back_to_where_it_was_only(line: Line) -> None:
    order = line.paid()
    line.rows("select private.lock_orders(%s)", [order["id"]])
    line.rows("select private.move_order(%s, 'needs_attention')", order["id"])
    for status in ("placed", "shipped", "completed", "cancelled"):
        with pytest.raises(psycopg.errors.CheckViolation):
            line.rows(
                "update public.orders set status = %s, version = version + 1 where id = %s",
                status,
                order["id"],
            )
    line.rows("select private.resume_order(%s)", order["id"])
    assert line.status(order) == "paid"
    line.drain()


@pytest.mark.parametrize(
    "change",
    [
        "status = 'cancelled'",
        "status = 'cancelled', version = version + 2",
        "status = 'cancelled', version = version - 1",
        "version = version + 2",
        "version = version - 1",
    ],
)
def test_its_version_rises_by_one_with_each_event(line: Line, change: str) -> None:
    order = line.place()
    refused = pytest.raises(psycopg.errors.CheckViolation, match="version")
    with refused, line.owner.transaction(force_rollback=True):
        line.rows(f"update public.orders set {change} where id = %s", order["id"])
    line.drain()
    versions = line.rows(
        "select version from public.order_events where order_id = %s order by id", order["id"]
    )
    assert [row["version"] for row in versions] == [1, 2, 3]
    assert line.order(order)["version"] == 3
