"""The schedules function as a whole: woken, at work, watching, telling that it lives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from functions.kit.app import create_app
from functions.kit.database import Database
from functions.schedules.function import schedules
from functions.schedules.settings import SchedulesSettings
from tests.functions.engine import WEBHOOK_SECRET, until
from tests.functions.serving import serving
from tests.functions.signing import BODY, NOW, headers
from tests.functions.working import sample
from tests.schedules.conftest import Tasks, job


def settings_of(engine: Tasks, **more: object) -> SchedulesSettings:
    return SchedulesSettings.model_validate(engine.environment(**more))


class Listener:
    """Somebody outside, who hears heartbeats."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(request.path)
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_get("/{path:.*}", listener.answer)
    async with TestServer(app) as server:
        listener.url = str(server.make_url("/ping/secret-token"))
        yield listener


@asynccontextmanager
async def worked(engine: Tasks, database: Database, **settings: object) -> AsyncIterator[None]:
    """Within, everything that is due was worked off."""
    due = len(engine.due)
    async with schedules(settings_of(engine, **settings)).open(database) as running:
        assert running.worker
        running.worker.wake()
        await until(lambda: len(engine.results) == due)
        yield
        await running.worker.stop(1)


async def test_runs_come_in_and_outcomes_go_out(engine: Tasks, database: Database) -> None:
    engine.due = [job(1, "sweep"), job(2, "water", job="daily")]
    engine.statuses["water"] = ["failed"]
    async with worked(engine, database):
        assert engine.outcomes() == ["succeeded", "incomplete"]
    first = min(engine.results, key=lambda row: int(row["message_id"]))
    assert first == {
        "message_id": 1, "starts": 1, "run_id": "run-1", "outcome": "succeeded", "data": {},
    }  # fmt: skip


async def test_a_stop_in_the_middle_of_a_task_puts_the_run_back(
    engine: Tasks, database: Database
) -> None:
    engine.held.clear()
    engine.due = [job(1, "sweep", "water")]
    async with schedules(settings_of(engine)).open(database) as running:
        assert running.worker
        running.worker.wake()
        await until(lambda: engine.done == ["sweep"])
        await running.worker.stop(0.01)
    assert (engine.outcomes(), engine.done) == (["postponed"], ["sweep"])


async def test_a_signed_wake_up_starts_it_and_no_other(engine: Tasks) -> None:
    settings = settings_of(engine)
    app = create_app("schedules", settings, schedules(settings), clock=lambda: NOW)
    async with serving(app) as client:
        await until(lambda: engine.claims() > 0)
        engine.due = [job(1, "sweep")]
        async with client.post("/schedules/wake", data=b"{}") as response:
            assert response.status == 401
        signed = headers(WEBHOOK_SECRET)
        async with client.post("/schedules/wake", data=BODY, headers=signed) as response:
            assert response.status == 202
        await until(lambda: engine.outcomes() == ["succeeded"])


HEARD: dict[str, tuple[Callable[[Tasks], None], str, int]] = {
    "an hourly run that succeeds": (lambda _: None, "hourly", 1),
    "a daily one": (lambda _: None, "daily", 0),
    "one that fails": (lambda engine: engine.statuses["sweep"].append("failed"), "hourly", 0),
}


@pytest.mark.parametrize(("script", "name", "beats"), HEARD.values(), ids=HEARD)
async def test_a_heartbeat_tells_of(
    engine: Tasks,
    database: Database,
    listener: Listener,
    script: Callable[[Tasks], None],
    name: str,
    beats: int,
) -> None:
    script(engine)
    engine.due = [job(1, "sweep", job=name)]
    async with worked(engine, database, heartbeat_url=listener.url):
        assert listener.heard == ["/ping/secret-token"] * beats


@pytest.mark.parametrize("trouble", ["refuses", "is gone", "sends elsewhere"])
async def test_a_heartbeat_that_nobody_hears_changes_nothing_and_is_logged_without_its_address(
    engine: Tasks,
    database: Database,
    listener: Listener,
    trouble: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener.status = 302 if trouble == "sends elsewhere" else 503
    url = "http://127.0.0.1:1/secret-token" if trouble == "is gone" else listener.url
    engine.due = [job(1, "sweep")]
    async with worked(engine, database, heartbeat_url=url):
        assert engine.outcomes() == ["succeeded"]
    assert "heartbeat" in caplog.text
    assert "secret-token" not in caplog.text


async def test_the_clock_is_watched_also_when_it_wakes_nobody(
    engine: Tasks, database: Database
) -> None:
    engine.faults_of["check"] = [500]
    function = schedules(settings_of(engine), watches_every=0.01)
    async with function.open(database):
        await until(lambda: len(engine.called("check")) > 1)
        await until(lambda: sample("orderbase_job_age_seconds", job="tested") == 42)
    seen = len(engine.called("check"))
    await asyncio.sleep(0.05)
    assert len(engine.called("check")) == seen, "it ends with the function"
