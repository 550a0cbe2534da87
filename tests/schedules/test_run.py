"""A run's tasks: one after the other, each by itself, whatever becomes of the others."""

import pytest

from functions.kit.database import Database
from functions.schedules import run as run_module
from functions.schedules.run import run
from tests.schedules.conftest import Tasks, job


async def test_tasks_are_done_in_their_order_under_the_claim_s_receipt(
    engine: Tasks, database: Database
) -> None:
    outcome = await run(database, job(7, "sweep", "water"))
    assert (outcome.status, engine.done) == ("succeeded", ["sweep", "water"])
    first, _ = engine.called("run")
    assert first == {"run_id": "run-7", "message_id": 7, "starts": 1, "task": "sweep"}


async def test_a_run_that_is_done_already_succeeds(engine: Tasks, database: Database) -> None:
    assert (await run(database, job(1))).status == "succeeded"
    assert engine.calls == []


async def test_a_task_that_fails_stops_no_other(engine: Tasks, database: Database) -> None:
    engine.statuses["sweep"] = ["failed"]
    outcome = await run(database, job(1, "sweep", "water"))
    assert engine.done == ["sweep", "water"]
    assert (outcome.status, outcome.error, outcome.data) == ("incomplete", "sweep", {"errors": {}})


@pytest.mark.parametrize("fault", [500, 400, 0])
async def test_a_task_without_an_answer_stops_no_other_and_is_told_of(
    engine: Tasks, database: Database, fault: int
) -> None:
    engine.faults_of["run"] = [fault]
    outcome = await run(database, job(1, "sweep", "water"))
    assert (outcome.status, outcome.error) == ("incomplete", "sweep")
    errors = outcome.data["errors"]
    assert isinstance(errors, dict)
    assert errors["sweep"]["status"] == "failed"
    assert errors["sweep"]["error"]


async def test_a_task_is_called_until_it_has_no_more(engine: Tasks, database: Database) -> None:
    engine.statuses["sweep"] = ["running", "running"]
    outcome = await run(database, job(1, "sweep", "water"))
    assert (outcome.status, engine.done) == ("succeeded", ["sweep"] * 3 + ["water"])


async def test_a_task_that_never_ends_stops_no_other(
    engine: Tasks, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_MOST_BATCHES", 3)
    engine.statuses["sweep"] = ["running"] * 10
    outcome = await run(database, job(1, "sweep", "water"))
    assert engine.done == ["sweep"] * 3 + ["water"]
    assert (outcome.status, outcome.error) == ("incomplete", "sweep")


@pytest.mark.parametrize("status", ["busy", "lost"])
async def test_what_another_is_at_is_left_to_them(
    engine: Tasks, database: Database, status: str
) -> None:
    engine.statuses["sweep"] = [status]
    outcome = await run(database, job(1, "sweep", "water"))
    assert (outcome.status, engine.done) == ("postponed", ["sweep"])
