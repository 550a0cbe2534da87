"""Imports the functions once and forks working copies: a start costs milliseconds, not a second.

Each line on standard input starts a worker, by a JSON object of its breakage or `null`. What
happens to workers is told on standard output, a JSON object a line: `forked`, `started`, `broken`,
`stopped`, `ended`. At the end of the input everything ends.

    python -m tests.chaos.zygote --port N --timeout SECONDS --log FILE
"""

import argparse
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import replace
from typing import NoReturn

import uvicorn

import functions.emails.mail_job
import functions.emails.render
import functions.orders.engine
import functions.orders.function as orders_function
import functions.orders.saga as orders_saga
import functions.orders.stripe_events  # noqa: F401 - what workers would import after their birth
from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit import logs
from functions.kit.app import create_app
from functions.kit.retries import Retry
from functions.kit.settings import Settings
from functions.orders.function import orders
from functions.orders.settings import OrderSettings
from local_stack.ports import HOST
from tests.chaos.breaking import EVENTS_FD, Breakage, Breaker, tell
from tests.chaos.courier import Courier

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork a worker for each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--timeout", type=float, required=True, help="of an attempt of a step")
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    _die_with_parent()
    _keep_events_apart(options.log)
    _hurry(options.timeout)
    gc.freeze()
    wakened, wakes = socket.socketpair()
    wakened.setblocking(False)
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    lines = b""
    while True:
        ready, _, _ = select.select([sys.stdin.fileno(), wakened], [], [])
        if wakened in ready:
            wakened.recv(4096)
            _tell_of_children()
        if sys.stdin.fileno() in ready:
            if not (data := os.read(sys.stdin.fileno(), 65_536)):
                return
            *complete, lines = (lines + data).split(b"\n")
            for line in complete:
                _fork(options.port, line.decode())


def _keep_events_apart(log: str) -> None:
    """Standard output is for events only; what the workers print goes to a file."""
    os.dup2(1, EVENTS_FD, inheritable=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)


def _hurry(timeout: float) -> None:
    """The same saga, with shorter waits."""
    steps = (
        replace(step, timeout=timeout, retry=Retry(attempts=3, first=timeout / 8))
        for step in orders_saga.SAGA.steps
    )
    orders_saga.SAGA = replace(orders_saga.SAGA, steps=tuple(steps))


def _fork(port: int, line: str) -> None:
    """Nothing is told by a worker before its birth is."""
    may_begin, begin = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(may_begin, 1)
        _work(port, None if line == "null" else Breakage.of_json(line))
    _tell_of(pid, "forked")
    os.write(begin, b"!")
    os.close(begin)
    os.close(may_begin)


def _work(port: int, breakage: Breakage | None) -> NoReturn:
    _die_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.close(0)
    logs.configure()
    breaker = Breaker(breakage)
    orders_function._CARRIERS["test"] = lambda: Courier(breaker)  # type: ignore[assignment]
    hooks = breaker.hooks()
    app = create_app(
        "functions",
        Settings.load(),
        orders(OrderSettings.load(), hooks),
        emails(EmailSettings.load(), hooks),
    )
    config = uvicorn.Config(
        app, log_level="warning", log_config=None, timeout_graceful_shutdown=1, lifespan="on"
    )
    server = _Server(config)
    code = 1
    try:
        server.run(sockets=[_listen(port)])
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        tell("started")


def _listen(port: int) -> socket.socket:
    """Beside other workers; whoever is killed takes its own connections with it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((HOST, port))
    listener.listen(100)
    return listener


def _tell_of_children() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        event = "stopped" if os.WIFSTOPPED(status) else "ended"
        code = None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
        _tell_of(pid, event, code)


def _tell_of(pid: int, event: str, code: int | None = None) -> None:
    line = json.dumps({"pid": pid, "event": event, "code": code}) + "\n"
    os.write(EVENTS_FD, line.encode())


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
