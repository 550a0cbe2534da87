"""The commands behind `make up`, `down`, `status`, `logs`, `reset` and `env`."""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from local_stack.environment import SHOPPER, STAFF, variables
from local_stack.errors import StackError
from local_stack.instance import Instance
from local_stack.ports import Ports
from local_stack.postgres.cluster import Cluster
from local_stack.settings import (
    CACHE,
    DEFAULT_HOME,
    HOME_VARIABLE,
    REPOSITORY,
    Settings,
)

_SUPERVISOR_LOG = "supervisor.log"
PROGRESS = " ..."


def up(home: Path, options: argparse.Namespace) -> None:
    """Start the stack in the background and return when it is healthy."""
    instance = Instance(home)
    if instance.pid is not None:
        _wait(instance, None, home)
        print("The stack already runs.")
        _print_addresses(Settings.of_home(home))
        return
    started = time.monotonic()
    logs = home / "logs"
    try:
        instance.forget_ready()
        logs.mkdir(parents=True, exist_ok=True)
        log = (logs / _SUPERVISOR_LOG).open("ab")
    except OSError as error:
        raise StackError(f"Cannot write to {home}: {error.strerror}.") from error
    with log:
        command = [sys.executable, "-m", "local_stack", "run", *_passed_on(options)]
        child = subprocess.Popen(  # noqa: S603 - this program itself
            command,
            cwd=REPOSITORY,
            env=os.environ | {HOME_VARIABLE: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        ours = _wait(instance, child, home)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if ours:
        print(f"Healthy after {time.monotonic() - started:.1f} s.")
    else:
        print("The stack already runs.")
    _print_addresses(Settings.of_home(home))


def run(home: Path, options: argparse.Namespace) -> None:
    """Run the stack in the foreground until Ctrl-C, SIGTERM or SIGHUP."""
    from local_stack.process import allow_many_files  # noqa: PLC0415 - `env` and `status`
    from local_stack.supervisor import Supervisor  # noqa: PLC0415 - start faster

    allow_many_files()
    instance = Instance(home)
    with instance.hold():
        with suppress(OSError):
            os.truncate(home / "logs" / _SUPERVISOR_LOG, 0)
        ports = Ports.free() if options.free_ports else Ports.from_environment()
        ports.require_free()
        report = partial(print, flush=True)
        settings = _settings(home, ports, fast=options.fast)
        settings.save()
        supervisor = Supervisor(settings, report, options.without)
        try:
            asyncio.run(supervisor.run(instance.mark_ready))
        except StackError as error:
            with suppress(OSError):  # the disk may be what failed
                instance.last_error.write_text(str(error), "utf-8")
            raise
        print("Stopped.", flush=True)


def _settings(home: Path, ports: Ports, *, fast: bool) -> Settings:
    if not fast:
        return Settings.load(home, ports)
    from local_stack.postgres.server import template  # noqa: PLC0415 - only for tests

    return Settings.load(home, ports, durable=False, template=template())


def host(home: Path, _: argparse.Namespace) -> None:
    """Run the stack's own services; the supervisor starts this."""
    import uvloop  # noqa: PLC0415 - the only command that needs these

    from local_stack import host as services  # noqa: PLC0415

    uvloop.run(services.run(home))


def down(home: Path, _: argparse.Namespace) -> None:
    """Stop the stack and wait until every process is gone."""
    print("Stopped." if Instance(home).stop() else "The stack does not run.")


def status(home: Path, _: argparse.Namespace) -> None:
    """Say whether the stack runs, and where."""
    instance = Instance(home)
    if instance.pid is None:
        reason = instance.last_error
        raise StackError(
            reason.read_text("utf-8") if reason.exists() else "The stack does not run."
        )
    print("Healthy." if instance.ready else "Starting.")
    _print_addresses(Settings.of_home(home))


def logs(home: Path, _: argparse.Namespace) -> None:
    """Follow the logs of all processes."""
    files = sorted((home / "logs").glob("*.log"))
    if not files:
        raise StackError("There are no logs yet. Start the stack: make up.")
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])  # noqa: S606, S607 - a system tool


def reset(home: Path, _: argparse.Namespace) -> None:
    """Stop the stack and delete its data; the next start begins with the demo shop."""
    Instance(home).stop()
    if home.exists():
        Cluster(Settings.load(home, Ports())).remove()
    for path in home.glob("*"):
        if path.is_dir() and path != REPOSITORY / CACHE:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    print("All data is deleted.")


def env(home: Path, _: argparse.Namespace) -> None:
    """Print the addresses and keys as dotenv lines."""
    for name, value in variables(Settings.of_home(home)).items():
        print(f"{name}={value}")


COMMANDS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    command.__name__: command for command in (up, down, status, logs, reset, env, run, host)
}


def _wait(instance: Instance, child: subprocess.Popen[bytes] | None, home: Path) -> bool:
    """Show what the starting supervisor says until it is ready; whether it is our child."""
    log = home / "logs" / _SUPERVISOR_LOG
    shown: list[str] = []
    while not instance.ready:
        pid = instance.pid
        if child is not None and child.poll() is not None:
            if pid is None:
                raise StackError(_reason(instance, log))
            child = None  # somebody else was quicker
        elif child is None and pid is None:
            raise StackError("The stack stopped while it was starting.")
        if child is None or pid == child.pid:
            steps = [line for line in _lines(log) if line.endswith(PROGRESS)]
            print("".join(f"{line}\n" for line in steps[len(shown) :]), end="", flush=True)
            shown = steps
        time.sleep(0.05)
    return child is not None


def _reason(instance: Instance, log: Path) -> str:
    if instance.last_error.exists() and (reason := instance.last_error.read_text("utf-8")):
        return reason
    lines = _lines(log)
    return (
        lines[-1].removeprefix("orderbase: ") if lines else "The supervisor ended without a word."
    )


def _lines(log: Path) -> list[str]:
    return [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]


def _print_addresses(settings: Settings) -> None:
    rows = {
        "API": settings.api_url,
        "Functions": settings.functions_url,
        "Mail inbox": settings.mail_url,
        "Database": f"{settings.api_url.split(':')[1].strip('/')}:{settings.ports.postgres}",
        "Shopper": f"{SHOPPER}  password {settings.keys.demo_password}",
        "Staff": f"{STAFF}  password {settings.keys.demo_password}",
    }
    for name, value in rows.items():
        print(f"  {name:<11} {value}")


def _passed_on(options: argparse.Namespace) -> list[str]:
    return [
        *(["--free-ports"] if options.free_ports else []),
        *(["--fast"] if options.fast else []),
        *(f"--without={name}" for name in options.without),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="local_stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.__doc__)
        if name in ("up", "run"):
            added.add_argument("--free-ports", action="store_true", help="any ports that are free")
            added.add_argument(
                "--without",
                action="append",
                default=[],
                choices=["functions", "payments"],
                help="leave this process to you, to run it in a debugger",
            )
            added.add_argument("--fast", action="store_true", help="for tests: not safe, but quick")
    options = parser.parse_args()
    home = Path(os.environ.get(HOME_VARIABLE) or REPOSITORY / DEFAULT_HOME).resolve()
    try:
        COMMANDS[options.command](home, options)
    except StackError as error:
        print(f"orderbase: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
