"""What commands show: tables for people, JSON for machines."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 200


class Output:
    """Where it goes, and in which shape."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        terminal = sys.stdout.isatty()
        # Texts of others are shown as they are: no markup, no emoji.
        self._console = Console(
            markup=False, highlight=False, emoji=False, width=None if terminal else _PIPE_WIDTH
        )

    def json(self, document: object) -> None:
        """A document, for machines."""
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
        sys.stdout.write(f"{text}\n")

    def say(self, text: str) -> None:
        """A line, for people."""
        self._console.print(cell(text), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns whose heads begin with `>` are flush right; empty ones are left out."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        lines = [[cell(value) for value in row] for row in rows]
        shown = [place for place in range(len(columns)) if any(line[place] for line in lines)]
        for place in shown:
            head = columns[place].removeprefix(">")
            right = head != columns[place]
            table.add_column(head, justify="right" if right else "left", overflow="fold")
        for line in lines:
            table.add_row(*(line[place] for place in shown))
        self._console.print(table)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Names and values, one a line; those without a value are left out."""
        shown = {name: value for name, value in facts.items() if value not in (None, "")}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            self.say(f"{name:<{width}}  {cell(value)}")


def cell(value: object) -> str:
    """One line of text that cannot steer the terminal."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def local_time(moment: str | None) -> str:
    """A moment of the shop, in the zone of whoever reads it."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def details(data: Mapping[str, object]) -> str:
    """A small document on one line."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in data.items()
        if value not in (None, "", [], {})
    )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
