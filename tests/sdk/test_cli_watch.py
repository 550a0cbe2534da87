"""`orderbase watch` in a process of its own, at a terminal and in a pipe."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from rich.console import Console

from orderbase import FeedEvent, Orderbase
from orderbase.cli.board import Board
from orderbase.cli.telling import Lines
from tests.conftest import Stack
from tests.sdk.cli import (
    BUYING,
    Cli,
    at_terminal,
    interrupt,
    place,
    read_rest,
    read_until,
)
from tests.sdk.live import create_product

SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


def events_of(process: "subprocess.Popen[str]", order: str) -> Iterator[dict[str, Any]]:
    """What it tells, until that order is completed."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        yield event
        if (event["order_id"], event["status"]) == (order, "completed"):
            return


def test_a_saved_position_goes_on_without_a_gap_or_a_repetition(
    guest: Cli, product: UUID, tmp_path: Path
) -> None:
    file = tmp_path / "position"
    file.write_text(_position(guest, product), "utf-8")
    first = place(guest, product)["id"]
    with guest.started("watch", "--json", "--save", file) as process:
        told = list(events_of(process, first))
        _until(lambda: file.read_text("utf-8").strip() == told[-1]["position"])
        assert interrupt(process) == 130
    assert [event["version"] for event in told] == [1, 2, 3, 4]
    assert file.stat().st_mode & 0o777 == 0o600
    second = place(guest, product)["id"]
    with guest.started("watch", "--json", "--save", file) as process:
        told = list(events_of(process, second))
    assert [(event["order_id"], event["version"]) for event in told] == [
        (second, version) for version in (1, 2, 3, 4)
    ]


def _position(guest: Cli, product: UUID) -> str:
    """Behind everything so far: of an order that is completed."""
    said = guest.run("place", product, *BUYING, "--watch", "--json")
    position: str = json.loads(said.out.splitlines()[-1])["position"]
    return position


def test_the_position_is_saved_before_the_first_event(
    guest: Cli, product: UUID, tmp_path: Path
) -> None:
    start = _position(guest, product)
    file = tmp_path / "position"
    words = ("watch", "--since", start, "--save", file, "--status", "refunded")
    with guest.started(*words) as process:
        _until(file.exists)
        process.kill()
        process.wait(20)
    assert file.read_text("utf-8").strip()


def test_what_nobody_could_be_told_is_told_later(guest: Cli, product: UUID, tmp_path: Path) -> None:
    file = tmp_path / "position"
    words = ("watch", "--json", "--since", _position(guest, product), "--save", file)
    with guest.started(*words) as process:
        _until(file.exists)
        told = list(events_of(process, place(guest, product)["id"]))
        _until(lambda: file.read_text("utf-8").strip() == told[-1]["position"])
        assert process.stdout is not None
        process.stdout.close()
        place(guest, product)
        assert process.wait(20) == 141
    assert file.read_text("utf-8").strip() == told[-1]["position"]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_pipe_gets_lines_and_interrupting_is_clean(guest: Cli, product: UUID) -> None:
    order = place(guest, product)
    with guest.started("watch", order["number"]) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert interrupt(process) == 130
        assert process.stderr is not None
        said = process.stderr.read()
    assert [line.split()[-1] for line in lines] == ["placed", "paid", "shipped", "completed"]
    assert {line.split()[2] for line in lines} == {order["id"][:8]}
    assert f"orderbase watch {order['number']} --since" in said
    assert "Traceback" not in said


def test_a_watch_is_gone_on_with_from_where_it_was(guest: Cli, product: UUID) -> None:
    start = _position(guest, product)
    order = place(guest, product)["id"]
    with guest.started("watch", f"--since={start}", "--since", start, "--json") as process:
        told = list(events_of(process, order))
        assert interrupt(process) == 130
        assert process.stderr is not None
        said = process.stderr.read()
    command, position = said.removeprefix("Go on with: ").strip().rsplit(" ", 1)
    assert command == "orderbase watch --json --since"
    assert position in {event["position"] for event in told}


def test_help_says_that_statuses_are_those_after_an_event(guest: Cli) -> None:
    assert "a refund of a completed order" in guest.run("watch", "--help").out


@pytest.mark.parametrize("words", [("products",), ("products", "--json")])
def test_a_broken_pipe_is_quiet(guest: Cli, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with guest.started(*words, stdout=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 141


def test_a_terminal_gets_a_live_table(
    guest: Cli, product: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    with at_terminal(guest, "watch") as (process, terminal):
        read_until(terminal, "live")
        order = place(guest, product)
        read_until(terminal, order["id"][:8], "completed", "12.50 EUR", "4 events")
        process.send_signal(signal.SIGINT)
        rest = read_rest(terminal)
        assert process.wait(20) == 130
    assert SHOW_CURSOR in rest
    assert rest.index("orderbase watch --since") > rest.index(SHOW_CURSOR)
    assert "Traceback" not in rest


def test_the_table_says_when_it_is_stale_and_has_one_row_an_order() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=100, height=12)
    ids = [uuid4() for _ in range(20)]
    with Orderbase("http://127.0.0.1:9", "key") as shop, Board(console, shop) as board:
        for order_id in [*ids, ids[-1]]:
            board.tell(_event(order_id))
        board.state("stale")
        with console.capture() as captured:
            console.print(board._drawn())
    shown = captured.get()
    assert "stale" in shown
    assert shown.count(ids[-1].hex[:8]) == 1
    assert ids[0].hex[:8] not in shown
    assert len(shown.splitlines()) <= 12


def test_lines_say_when_they_are_stale(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for state in ("live", "stale", "live", "live"):
        lines.state(state)
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        *("stale", "live again"),
    ]


def _event(order_id: UUID) -> FeedEvent:
    return FeedEvent.model_validate(
        {
            "order_id": order_id,
            "user_id": None,
            "type": "order.placed",
            "status": "placed",
            "version": 1,
            "data": {},
            "created_at": "2026-01-01T00:00:00Z",
            "position": "1-1",
        }
    )


def test_what_is_missing_is_said_in_a_line() -> None:
    code = (
        "import sys; sys.modules['typer'] = None;from orderbase.cli import main; sys.exit(main())"
    )
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == "orderbase: the command needs more packages: install orderbase[cli].\n"


def test_importing_the_client_does_not_import_the_command() -> None:
    code = "import orderbase, sys; print(*{'orderbase.cli', 'typer', 'rich'} & set(sys.modules))"
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
