"""Breaks what the functions need, as planned, and kills the functions themselves."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from local_stack.settings import Settings
from tests.chaos.history import History
from tests.chaos.plan import PROCESSES, Life, Plan, Strike
from tests.chaos.shop import Shop, Sql
from tests.chaos.smtp_proxy import SmtpProxy
from tests.chaos.workers import Worker, Workers

_SLEEP = 4.0
"""Seconds; the leases of a run are shorter."""
_AWAKE = 0.7


class Nemesis:
    """One run's."""

    def __init__(
        self, plan: Plan, shop: Shop, sql: Sql, mail: SmtpProxy, workers: Workers, history: History
    ) -> None:
        self.kills = 0
        self.kills_at_boundaries = 0
        self.pauses = 0
        self.crashes = 0
        self._plan = plan
        self._shop = shop
        self._sql = sql
        self._mail = mail
        self._workers = workers
        self._history = history
        self._endpoint_up = asyncio.Event()
        self._endpoint_up.set()

    async def rage(self) -> None:
        """Until all is done that was planned; what was broken for a time is whole again."""
        lives = iter(self._plan.lives)
        async with asyncio.TaskGroup() as group:
            for _ in range(PROCESSES):
                group.create_task(self._live(lives))
            for strike in self._plan.strikes:
                group.create_task(self._strike(strike))

    async def _live(self, lives: Iterator[Life]) -> None:
        """One process after the other, each until its death."""
        for life in lives:
            await self._endpoint_up.wait()
            worker = await self._workers.start(life.breakage)
            with suppress(TimeoutError):
                await asyncio.wait_for(worker.until("ended"), life.seconds)
            at_boundary = worker.has("broken")
            if worker.has("stopped"):
                await self._oversleep(worker)
            await worker.kill()
            self.kills += 1
            self.kills_at_boundaries += at_boundary
            self._history.write("kill", pid=worker.pid, at=life.breakage if at_boundary else None)

    async def _oversleep(self, worker: Worker) -> None:
        """It goes on, with what others have done meanwhile."""
        self.pauses += 1
        await asyncio.sleep(_SLEEP)
        worker.go_on()
        with suppress(TimeoutError):
            await asyncio.wait_for(worker.until("ended"), _AWAKE)

    async def _strike(self, strike: Strike) -> None:
        await asyncio.sleep(strike.at)
        self._history.write(strike.kind, seconds=strike.seconds, faults=strike.faults)
        match strike.kind:
            case "provider":
                await self._shop.set_faults(*strike.faults)
                await asyncio.sleep(strike.seconds)
                await self._shop.set_faults()
            case "provider_sleeps":
                provider = provider_of(self._shop.settings)
                os.kill(provider, signal.SIGSTOP)
                await asyncio.sleep(strike.seconds)
                os.kill(provider, signal.SIGCONT)
            case "postgres_crash":
                await self._crash_postgres()
            case "endpoint_down":
                self._endpoint_up.clear()
                await self._workers.end_all()
                await asyncio.sleep(strike.seconds)
                self._endpoint_up.set()
            case "mail_refused":
                self._mail.refuse()
                await asyncio.sleep(strike.seconds)
                self._mail.mode = "pass"
            case "capture_later":
                await self._capture("on_shipment")
                await asyncio.sleep(strike.seconds)
                await self._capture("at_once")
            case "mail_lost" | "mail_dropped":
                lost = strike.kind == "mail_lost"
                self._mail.drop("drop_after_data" if lost else "drop_before_data")

    async def _capture(self, when: str) -> None:
        await self._sql.run(f"update private.shop set capture = '{when}'")

    async def _crash_postgres(self) -> None:
        """One backend dies: the postmaster trusts nobody any more, and starts afresh."""
        killed = False
        while not killed:
            pid = await self._sql.value(
                "select pid from pg_stat_activity where backend_type = 'client backend'"
                " and pid <> pg_backend_pid() order by backend_start limit 1"
            )
            with suppress(ProcessLookupError):  # it may have ended meanwhile
                os.kill(pid, signal.SIGKILL)
                killed = True
        self.crashes += 1
        await self._sql.value("select 1")
        self._history.write("postgres_is_back")


def provider_of(settings: Settings) -> int:
    """The process of the payment provider's double."""
    return _process(
        lambda words: (
            "local_stack.payments" in words and f"--port={settings.ports.payments}" in words
        )
    )


def _process(wanted: Callable[[list[str]], bool]) -> int:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                if wanted((folder / "cmdline").read_text("utf-8").split("\0")):
                    return int(folder.name)
    raise LookupError("there is no such process")
