"""Functions processes of a stack, for a test to start, break and end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from local_stack.environment import variables
from local_stack.settings import REPOSITORY, Settings
from tests.chaos.breaking import Breakage
from tests.chaos.courier import LEDGER_VARIABLE

METRICS_TOKEN = "of a test"  # noqa: S105 - of workers that live as long as a test
_PATIENCE = 20.0


class Worker:
    """One functions process."""

    def __init__(self) -> None:
        self.pid = 0
        self.code: int | None = None
        """How it ended."""
        self._happened = {name: asyncio.Event() for name in _EVENTS}

    @property
    def alive(self) -> bool:
        return not self.has("ended")

    def has(self, event: str) -> bool:
        """Whether it is `forked`, `started` (and answers), `broken`, `stopped` or `ended`."""
        return self._happened[event].is_set()

    async def until(self, event: str) -> None:
        """Wait for an event.

        Raises:
            TimeoutError: it does not come.
        """
        async with asyncio.timeout(_PATIENCE):
            await self._happened[event].wait()

    def tell(self, event: str, code: int | None = None) -> None:
        """Take note of an event."""
        self.code = code
        self._happened[event].set()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it is gone."""
        with suppress(ProcessLookupError):
            if self.pid and self.alive:
                os.kill(self.pid, number)

    def go_on(self) -> None:
        """End a stop."""
        self.signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Give it no time for anything."""
        self.signal(signal.SIGKILL)
        await self.until("ended")

    async def quit(self) -> None:
        """Go on if it is stopped, finish what is in hand, and end."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        await self.until("ended")
        assert self.code in (0, -signal.SIGTERM), f"the worker ended with {self.code}"


_EVENTS = ("forked", "started", "broken", "stopped", "ended")


class Workers:
    """Forks them from one process that has imported the functions."""

    def __init__(self, zygote: asyncio.subprocess.Process, parcels: Path) -> None:
        self.parcels = parcels
        """The ledger of the carrier."""
        self._zygote = zygote
        self._unborn: list[Worker] = []
        self._all: dict[int, Worker] = {}

    async def start(self, breakage: Breakage | None = None) -> Worker:
        """One more worker; it is woken by its start."""
        worker = Worker()
        self._unborn.append(worker)
        assert self._zygote.stdin
        self._zygote.stdin.write((breakage.json() if breakage else "null").encode() + b"\n")
        await worker.until("forked")
        return worker

    async def end_all(self) -> None:
        """Kill those that are left."""
        for worker in [*self._all.values()]:
            if worker.alive:
                await worker.kill()

    async def listen(self) -> None:
        """Take note of events until the zygote ends."""
        assert self._zygote.stdout
        async for line in self._zygote.stdout:
            event = json.loads(line)
            if event["event"] == "forked":
                # In the order in which they were asked for.
                self._all[event["pid"]] = self._unborn.pop(0)
                self._all[event["pid"]].pid = event["pid"]
            self._all[event["pid"]].tell(event["event"], event.get("code"))


@asynccontextmanager
async def workers_of(
    settings: Settings, folder: Path, *, patience: float, smtp_url: str
) -> AsyncIterator[Workers]:
    """Workers of a stack that has none; they end with the context.

    `patience` is their seconds for one attempt of a step; `folder` gets the carrier's ledger, and
    what they print.
    """
    parcels = folder / "parcels.jsonl"
    zygote = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.zygote"),
        *(f"--port={settings.ports.functions}", f"--timeout={patience}"),
        f"--log={folder / 'workers.log'}",
        cwd=REPOSITORY,
        env=os.environ
        | variables(settings)
        | {
            "SMTP_URL": smtp_url,
            "METRICS_TOKEN": METRICS_TOKEN,
            LEDGER_VARIABLE: str(parcels),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    workers = Workers(zygote, parcels)
    listening = asyncio.create_task(workers.listen())
    try:
        yield workers
    finally:
        await workers.end_all()
        assert zygote.stdin
        zygote.stdin.close()
        await zygote.wait()
        await listening
