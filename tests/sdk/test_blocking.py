"""The blocking client's event loop: in the caller's thread, or in one of its own."""

import asyncio
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from local_stack.settings import REPOSITORY
from orderbase import Orderbase, OrderbaseError, Request, Response
from orderbase._errand import Errand
from orderbase._portal import PortalClosed

SECONDS = 10.0
EMPTY = Response(200, b"[]")


class Carrier:
    """Answers with whatever a test wants."""

    def __init__(self, answer: Callable[[], Awaitable[Response]] | None = None) -> None:
        self.answer = answer
        self.threads: list[str] = []
        self.closed = False

    async def send(self, _: Request, /) -> Response:
        self.threads.append(threading.current_thread().name)
        return EMPTY if self.answer is None else await self.answer()

    async def aclose(self) -> None:
        self.closed = True


class Silent(Carrier):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.asked, self.cancelled = threading.Event(), threading.Event()

    async def _wait(self) -> NoReturn:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError


class SlowToClose(Carrier):
    """Takes a few passes of the event loop to close."""

    async def aclose(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await super().aclose()


def shop_over(carrier: Carrier) -> Orderbase:
    return Orderbase("http://shop.test", "key", transport=carrier, retries=0)


def test_one_thread_needs_no_other() -> None:
    carrier = Carrier()
    with shop_over(carrier) as shop:
        shop.products.list()
        shop.products.list()
    assert carrier.threads == [threading.current_thread().name] * 2
    assert carrier.closed


def test_calls_of_two_threads_are_in_flight_together() -> None:
    waiting = 0
    together = asyncio.Event()

    async def answer() -> Response:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            together.set()
        await asyncio.wait_for(together.wait(), SECONDS)
        return EMPTY

    carrier = Carrier()
    with shop_over(carrier) as shop, ThreadPoolExecutor(2) as threads:
        shop.orders._portal.stay()
        carrier.answer = answer
        calls = [threads.submit(shop.products.list) for _ in range(2)]
        assert [call.result(SECONDS) for call in calls] == [[], []]
    assert set(carrier.threads) == {"orderbase"}


def test_a_second_thread_moves_the_loop_to_its_own() -> None:
    started, go_on = threading.Event(), threading.Event()

    async def answer() -> Response:
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait)
        return EMPTY

    carrier = Carrier(answer)
    with shop_over(carrier) as shop, ThreadPoolExecutor(2) as threads:
        first = threads.submit(shop.products.list)
        assert started.wait(SECONDS)
        second = threads.submit(shop.products.list)
        go_on.set()
        assert (first.result(SECONDS), second.result(SECONDS)) == ([], [])
        shop.products.list()
    assert carrier.threads[-1] == "orderbase"
    assert carrier.closed


async def test_it_may_be_used_within_an_event_loop() -> None:
    carrier = Carrier()
    with shop_over(carrier) as shop:
        assert shop.products.list() == []
    assert carrier.threads == ["orderbase"]


@pytest.mark.parametrize("threaded", [False, True])
def test_a_callback_that_would_wait_for_itself_is_refused(threaded: bool) -> None:
    async def answer() -> Response:
        with pytest.raises(RuntimeError, match="callback"):
            shop.products.list()
        with pytest.raises(RuntimeError, match="callback"):
            shop.close()
        return EMPTY

    carrier = Carrier(answer)
    with shop_over(carrier) as shop:
        if threaded:
            shop.orders._portal.stay()
        assert shop.products.list() == []
        assert len(carrier.threads) == 1


@pytest.mark.parametrize("threaded", [False, True])
def test_a_closed_client_says_so(threaded: bool) -> None:
    shop = shop_over(Carrier())
    if threaded:
        shop.orders._portal.stay()
    shop.close()
    shop.close()
    with pytest.raises(RuntimeError, match="closed"):
        shop.products.list()


def test_closing_ends_what_still_waits() -> None:
    carrier = Silent()
    shop = shop_over(carrier)
    shop.orders._portal.stay()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(shop.products.list)
        assert carrier.asked.wait(SECONDS)
        shop.close()
        with pytest.raises(RuntimeError, match="closed"):
            call.result(SECONDS)


def test_closing_ends_the_call_of_the_thread_that_runs_the_loop() -> None:
    carrier = Silent()
    shop = shop_over(carrier)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(shop.products.list)
        assert carrier.asked.wait(SECONDS)
        shop.close()
        assert carrier.closed
        with pytest.raises(RuntimeError, match="closed"):
            call.result(SECONDS)


def test_a_second_thread_does_not_wait_for_the_call_of_the_first() -> None:
    started, hangs = threading.Event(), asyncio.Event()

    async def answer() -> Response:
        if not started.is_set():
            started.set()
            await hangs.wait()
        else:
            hangs.set()  # only the second call lets the first one go
        return EMPTY

    with shop_over(Carrier(answer)) as shop, ThreadPoolExecutor(1) as threads:
        first = threads.submit(shop.products.list)
        assert started.wait(SECONDS)
        assert shop.products.list() == []
        assert first.result(SECONDS) == []


def test_closing_just_when_another_thread_s_call_ends_cuts_nothing_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carrier, ends, closing = SlowToClose(), threading.Event(), threading.Event()
    shop = shop_over(carrier)
    portal = shop.orders._portal
    give_back, wait = portal._turn.give_back, portal._finished.wait

    def when_somebody_closes() -> None:
        ends.set()
        assert closing.wait(SECONDS)
        give_back()

    def has_been_asked_for(seconds: float) -> bool:
        closing.set()
        return wait(seconds)

    monkeypatch.setattr(portal._turn, "give_back", when_somebody_closes)
    monkeypatch.setattr(portal._finished, "wait", has_been_asked_for)
    with ThreadPoolExecutor() as threads:
        call = threads.submit(shop.products.list)
        assert ends.wait(SECONDS)
        shop.close()
        assert call.result(SECONDS) == []
    assert carrier.closed


def test_that_a_client_is_closed_can_be_told_to_another_process() -> None:
    told = pickle.loads(pickle.dumps(PortalClosed()))  # noqa: S301 - our own
    assert (type(told), str(told)) == (PortalClosed, str(PortalClosed()))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As at a terminal: what a shell starts in the background ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threaded", [False, True])
def test_an_interrupted_call_is_cancelled_and_the_next_one_works(threaded: bool) -> None:
    cancelled = threading.Event()

    async def answer() -> NoReturn:
        try:
            raise_later()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    def raise_later() -> None:
        asyncio.get_running_loop().call_later(0.01, _interrupt_main)

    carrier = Carrier(answer)
    with shop_over(carrier) as shop:
        if threaded:
            shop.orders._portal.stay()
        with pytest.raises(KeyboardInterrupt):
            shop.products.list()
        assert cancelled.wait(SECONDS)
        carrier.answer = None
        assert shop.products.list() == []


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_just_when_a_call_ends_does_not_end_the_next_one() -> None:
    async def answer() -> Response:
        # Runs when the call has ended, and before the loop is told to stop for that.
        asyncio.get_running_loop().call_soon(_interrupt_main)
        return EMPTY

    carrier = Carrier(answer)
    with shop_over(carrier) as shop:
        with pytest.raises(KeyboardInterrupt):
            shop.products.list()
        carrier.answer = None
        assert shop.products.list() == []


def test_a_call_that_is_interrupted_while_it_is_handed_over_does_not_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carrier = Silent()
    with shop_over(carrier) as shop:
        portal = shop.orders._portal
        portal.stay()
        submit = portal._submit

        def interrupted(errand: Errand[object]) -> NoReturn:
            submit(errand)
            assert carrier.asked.wait(SECONDS)
            raise KeyboardInterrupt

        monkeypatch.setattr(portal, "_submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.products.list()
        assert carrier.cancelled.wait(SECONDS)


async def test_an_errand_that_was_given_up_before_it_began_does_not_begin() -> None:
    async def work() -> NoReturn:
        raise AssertionError

    errand = Errand(work())
    errand.give_up(asyncio.get_running_loop())
    with pytest.raises(asyncio.CancelledError):
        await errand.run()


def _interrupt_main() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("threaded", [False, True])
def test_a_client_that_is_dropped_closes_its_connections(threaded: bool) -> None:
    carrier = Carrier()
    shop = shop_over(carrier)
    if threaded:
        shop.orders._portal.stay()
    shop.products.list()
    del shop
    gc.collect()
    assert carrier.closed


def test_a_client_for_another_user_closes_nothing() -> None:
    carrier = Carrier()
    token = (
        "e30.eyJzdWIiOiIwMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDEiLCJleHAiOjk5OTk5OTk5OTl9."  # noqa: S105
    )
    with shop_over(carrier) as shop:
        with shop.as_user(token) as other:
            assert other.products.list() == []
        assert shop.products.list() == []
        assert not carrier.closed


PREAMBLE = """
import logging, os, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from orderbase import Orderbase

class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"[]")
    def log_message(self, *_):
        pass

logging.getLogger("asyncio").setLevel(logging.ERROR)  # in this mode it warns of slow machines
server = HTTPServer(("127.0.0.1", 0), Shop)
threading.Thread(target=server.serve_forever, daemon=True).start()
shop = Orderbase(f"http://127.0.0.1:{server.server_port}", "key", timeout=30, retries=0)
assert shop.products.list() == []
"""
FORKING = """
child = os.fork()
if child == 0:
    try:
        shop.products.list()
    except RuntimeError as error:
        shop.close()
        os._exit(0 if "fork" in str(error) else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
assert shop.products.list() == []
"""

DROPPING = """
import gc, warnings
child = os.fork()
if child == 0:
    warnings.simplefilter("ignore")  # of what it inherited, nothing can be closed there
    del shop
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert shop.products.list() == []
"""


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("program", ["", FORKING, DROPPING], ids=["exit", "fork", "drop"])
def test_a_program_that_just_ends_or_forks_leaves_no_trace(program: str, threaded: bool) -> None:
    stay = "shop.orders._portal.stay()\n" if threaded else ""
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-X", "dev", "-c", PREAMBLE + stay + textwrap.dedent(program)],
        env={"PYTHONPATH": str(REPOSITORY / "client_sdk" / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_errors_arrive_as_they_are() -> None:
    async def answer() -> Response:
        return Response(500, b'{"message": "Oh."}')

    with shop_over(Carrier(answer)) as shop, pytest.raises(OrderbaseError) as failure:
        shop.products.list()
    assert (failure.value.status, failure.value.message) == (500, "Oh.")
