"""A stand-in of the database's verbs that also runs tasks."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from functions.kit.database import Database
from tests.functions.engine import Engine, Row, message, running


class Tasks(Engine):
    """Answers `run_task` and `check_jobs`; scripted statuses of tasks come first, then success."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, list[str]] = defaultdict(list)
        self.done: list[str] = []
        """Tasks, in the order in which they were called."""
        self.held = asyncio.Event()
        """Tasks wait for it."""
        self.held.set()

    async def _carry_out(self, word: str, arguments: Row) -> list[Row]:
        if word == "run":
            task = arguments["task"]
            self.done.append(task)
            await self.held.wait()
            left = self.statuses[task]
            return [{"task": task, "status": left.pop(0) if left else "succeeded"}]
        if word == "check":
            return [{"job": "tested", "age_seconds": 42, "missed": False}]
        return await super()._carry_out(word, arguments)


@pytest.fixture
async def engine() -> AsyncIterator[Tasks]:
    """A running stand-in."""
    engine = Tasks()
    async with running(engine):
        yield engine


@pytest.fixture
async def database(engine: Tasks) -> AsyncIterator[Database]:
    """A client of the stand-in."""
    async with Database.connect(engine.settings()) as database:
        yield database


def job(number: int = 1, *tasks: str, **fields: object) -> Row:
    """A claimed run."""
    receipt = {"run_id": f"run-{number}", "starts": 1, "job": "hourly", "tasks": list(tasks)}
    return message(number, **receipt) | fields
