"""What the terminal shows. Nothing that the shop says can command it."""

import json
import os
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, NoReturn, cast
from uuid import UUID

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

AsJson = Annotated[
    bool, typer.Option("--json", help="For machines: JSON, amounts in minor units (cents).")
]

_BROKEN_PIPE = 141  # as a shell says of what SIGPIPE has ended
_PATIENCE_SECONDS = 2.0
_PIPE_WIDTH = 500
_JOINERS = "\u200c\u200d"  # part of how some languages, and emoji, are written
_STYLES = {
    "placed": "cyan",
    "paid": "cyan",
    "shipped": "blue",
    "completed": "green",
    "needs_attention": "yellow",
}


class Output(Console):
    """A console that ends quietly when nobody listens any more."""

    def on_broken_pipe(self) -> NoReturn:
        """Called by rich."""
        leave_broken_pipe()


def examples(*lines: str) -> str:
    """What help shows last."""
    return "\n".join(["\b", "Examples:", *(f"  orderbase {line}" for line in lines)])


def out() -> Console:
    """Where results go."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Output(width=width, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Where everything else goes."""
    return Output(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def leave_broken_pipe() -> NoReturn:
    """End, and let nothing that is still to be flushed complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    raise SystemExit(_BROKEN_PIPE)


def safe(value: object) -> str:
    """One line that a terminal only shows: control characters are spelled out."""
    return "".join(map(_shown, str(value)))


def text(value: object, style: str = "") -> Text:
    """A cell of a table."""
    return Text(safe(value), style)


def status(value: str) -> Text:
    """The status of an order."""
    return Text(safe(value).replace("_", " "), _STYLES.get(value, "red"))


def say(*parts: object) -> None:
    """A result, in words."""
    out().print(*(part if isinstance(part, Text) else text(part) for part in parts))


def remark(message: object) -> None:
    """A word beside the result."""
    err().print(text(message))


def print_json(value: object) -> None:
    """One line of JSON, of ASCII only: what the shop says stays escaped."""
    plain = json.dumps(_plain(value), separators=(",", ":")).replace("\x7f", "\\u007f")
    typer.echo(plain)


def when(moment: datetime) -> str:
    """Local date and time."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(order_id: UUID) -> str:
    """Enough of an id to tell orders apart, and to name one to this command."""
    return order_id.hex[:8]


@contextmanager
def waiting(what: str) -> Generator[None, None, None]:
    """Says at a terminal what takes so long, once it does."""
    console = err()
    if not console.is_terminal:
        yield
        return
    spinner = console.status(text(f"{what} …"))
    timer = threading.Timer(_PATIENCE_SECONDS, spinner.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        spinner.stop()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast(Sequence[object], value)]
    return value


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character.isspace() and not character.isascii():
        return " "
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
