"""Starts the parts in their order, watches them, and stops all when one ends."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from local_stack import demo_accounts, migrate, rest
from local_stack.environment import variables
from local_stack.errors import StackError
from local_stack.ports import HOST
from local_stack.postgres import account
from local_stack.postgres.cluster import SUPERUSER, Cluster
from local_stack.process import Process
from local_stack.settings import HOME_VARIABLE, Settings

_START_SECONDS = 60
_POLL_SECONDS = 0.02
# As one would choose them for a webhook endpoint at Stripe.
_PAYMENT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.updated",
    "refund.failed",
)

Report = Callable[[str], None]


class Supervisor:
    """All processes of one stack."""

    def __init__(self, settings: Settings, report: Report, without: Collection[str] = ()) -> None:
        """Of one stack; `without` names processes that the caller runs by other means."""
        self._settings = settings
        self._without = without
        self._report = report
        self._cluster = Cluster(settings)
        self._running: dict[asyncio.Task[int], Process] = {}
        settings.logs.mkdir(parents=True, exist_ok=True)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, call `on_ready`, and return after SIGTERM, SIGINT or SIGHUP.

        Raises:
            StackError: a part could not start, or ended by itself.
        """
        stop = asyncio.ensure_future(_signalled())
        work = asyncio.ensure_future(self._start_and_watch(on_ready))
        try:
            await asyncio.wait((stop, work), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (stop, work):
                task.cancel()
            with suppress(asyncio.CancelledError, StackError):
                await work
            await self._stop()

    async def _start_and_watch(self, on_ready: Callable[[], None]) -> None:
        await self._start_postgres()
        self._report("Applying migrations ...")
        await asyncio.to_thread(migrate.migrate, self._settings, self._cluster.folder / "applied")
        await asyncio.to_thread(migrate.configure, self._settings)
        self._report("Starting services ...")
        for process in self._processes():
            if process.name not in self._without:
                await self._start(process)
        await self._until_healthy()
        await demo_accounts.create(self._settings)
        on_ready()
        await self._watch()

    async def _start_postgres(self) -> None:
        self._report("Starting PostgreSQL ...")
        await asyncio.to_thread(self._cluster.create)
        await asyncio.to_thread(self._cluster.recover)
        postgres = Process(
            "postgres",
            self._cluster.command(),
            stop_signal=signal.SIGINT,
            arguments={"cwd": "/", **account.popen_arguments()},
        )
        await self._start(postgres)
        await self._or_failure(self._until_postgres_answers())
        await asyncio.to_thread(self._cluster.bootstrap)

    def _processes(self) -> Iterator[Process]:
        settings = self._settings
        environment = variables(settings)
        here = {"cwd": settings.repository}
        yield Process("rest", [rest.program(settings)], rest.environment(settings))
        yield Process(
            "payments",
            [
                *_python("local_stack.payments"),
                f"--port={settings.ports.payments}",
                f"--ledger={settings.home / 'payments.sqlite'}",
                f"--webhook-url={settings.functions_url}/orders/stripe",
                f"--webhook-events={','.join(_PAYMENT_EVENTS)}",
                *([] if settings.durable else ["--fast"]),
            ],
            environment,
            arguments=here,
        )
        yield Process("services", _python("local_stack", "host"), arguments=here)
        yield Process(
            "functions",
            [
                *_python("uvicorn", "functions.main:app"),
                f"--host={HOST}",
                f"--port={settings.ports.functions}",
                "--no-access-log",
                "--no-proxy-headers",
                "--log-level=warning",
            ],
            environment,
            arguments=here,
        )

    async def _start(self, process: Process) -> None:
        process.environment = {
            HOME_VARIABLE: str(self._settings.home),
            **process.environment,
        }
        try:
            await process.start(self._settings.logs)
        except OSError as error:
            raise StackError(f"{process.name} cannot start: {error}") from error
        self._running[asyncio.ensure_future(process.wait())] = process

    async def _until_postgres_answers(self) -> None:
        url = self._settings.database_url(SUPERUSER)
        while True:
            try:
                await (await psycopg.AsyncConnection.connect(url)).close()
            except psycopg.OperationalError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return

    async def _until_healthy(self) -> None:
        settings = self._settings
        probes = [
            f"http://{HOST}:{settings.ports.rest_admin}/ready",
            f"{settings.api_url}/auth/v1/health",
            f"{settings.mail_url}/livez",
        ]
        if "functions" not in self._without:
            probes.append(f"{settings.functions_url}/health")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            checks = asyncio.gather(*(_until_ok(session, probe) for probe in probes))
            await self._or_failure(checks)

    async def _or_failure(self, goal: Awaitable[object]) -> None:
        """Wait for the goal, but not past the end of a process or the time for a start."""
        wanted = asyncio.ensure_future(goal)
        done, _ = await asyncio.wait(
            (wanted, *self._running),
            timeout=_START_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if wanted in done:
            wanted.result()
            return
        wanted.cancel()
        self._raise_ended(done)
        raise StackError(f"Not healthy after {_START_SECONDS} s; see {self._settings.logs}.")

    async def _watch(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._raise_ended(done)

    def _raise_ended(self, done: Collection[asyncio.Future[Any]]) -> None:
        for task, process in self._running.items():
            if task in done:
                log = self._settings.logs / f"{process.name}.log"
                last = _last_line(log)
                raise StackError(
                    f"{process.name} ended ({_exit(task.result())}), so everything was stopped. "
                    f"Its last words in {log}: {last}"
                )

    async def _stop(self) -> None:
        """The last started first; PostgreSQL, whom all others use, at the end."""
        processes = list(self._running.values())
        await asyncio.gather(*(process.stop() for process in processes[1:]))
        for process in processes[:1]:
            await process.stop(patience=20)


async def _signalled() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


async def _until_ok(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with session.get(url) as answer:
                if answer.ok:
                    return
        except (aiohttp.ClientError, TimeoutError):
            pass
        await asyncio.sleep(_POLL_SECONDS)


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return lines[-1][-300:]
    return "none"
