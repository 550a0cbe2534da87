"""Tables that fit: where it is narrow, whole columns go, so that nothing that remains is cut."""

from collections.abc import Collection, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from orderbase.cli import render

_GAP = 2
_NARROWEST = 12  # of words, which may be broken
_WORDS = frozenset({"Cause", "Name", "Product", "Reason"})


class Rows:
    """Rows under headers.

    Args:
        headers: of the columns.
        right: columns of numbers.
        spare: columns that may be missing, those that matter least first.
    """

    def __init__(self, *headers: str, right: Collection[str] = (), spare: Sequence[str]) -> None:
        self._headers = headers
        self._right = right
        self._spare = spare
        self._rows: list[tuple[Text, ...]] = []

    def add(self, *cells: object) -> None:
        """Add a row; what is no Text is shown as one line."""
        self._rows.append(
            tuple(cell if isinstance(cell, Text) else render.text(cell) for cell in cells)
        )

    def show(self, otherwise: str) -> None:
        """Print the table, or a remark when it is empty."""
        if self._rows:
            render.out().print(self)
        else:
            render.remark(otherwise)

    def __rich_console__(
        self,
        console: Console,
        options: ConsoleOptions,
    ) -> RenderResult:
        """Called by rich, for the width that there is."""
        columns = self._fitting(options.max_width)
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for header in (self._headers[column] for column in columns):
            table.add_column(
                header,
                justify="right" if header in self._right else "left",
                no_wrap=header not in _WORDS,
            )
        for row in self._rows:
            table.add_row(*(row[column] for column in columns))
        yield table

    def _fitting(self, width: int) -> list[int]:
        """The columns for which there is room."""
        needed = {column: self._width(column) + _GAP for column in range(len(self._headers))}
        for header in self._spare:
            if sum(needed.values()) - _GAP <= width:
                break
            del needed[self._headers.index(header)]
        return list(needed)

    def _width(self, column: int) -> int:
        """What a column needs at least."""
        header = self._headers[column]
        widest = max((row[column].cell_len for row in self._rows), default=0)
        return max(len(header), min(widest, _NARROWEST) if header in _WORDS else widest)
