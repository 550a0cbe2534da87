"""Watching orders at the terminal."""

from pathlib import Path
from types import TracebackType
from typing import Annotated, Self
from uuid import UUID

import typer

from orderbase._sync import Orderbase
from orderbase._wanted import WatchOptions
from orderbase.cli import lookup, render
from orderbase.cli.board import Board
from orderbase.cli.failures import again
from orderbase.cli.memory import write_privately
from orderbase.cli.render import AsJson
from orderbase.cli.shop import opened_by_someone
from orderbase.cli.statuses import EventStatuses, statuses
from orderbase.cli.telling import JsonLines, Lines, Teller
from orderbase.models import FeedEvent

# Nothing that the shopper could wait for comes after these.
ENDS = frozenset(
    {
        *("completed", "out_of_stock", "payment_failed", "shipping_failed"),
        *("cancelled", "refunded", "needs_attention"),
    }
)


def declare(app: typer.Typer) -> None:
    """Add this command."""
    examples = render.examples(
        "watch", "watch 1042", "watch --status paid --json", "watch --save position"
    )
    app.command("watch", rich_help_panel="Orders", epilog=examples)(watch)


def watch(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="ORDER", help="Only this one: number, id, or beginning of id."),
    ] = None,
    status: EventStatuses = None,
    user: Annotated[
        UUID | None, typer.Option(help="Only this buyer's orders; for staff, who hear of all.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="POSITION", help="From here on, as an earlier watch has said."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Keep the position in this file after each event, and go on from there.",
        ),
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Watch your orders live, until Ctrl-C. Nothing is missed, whatever the connection does."""
    with opened_by_someone(context) as shop:
        teller = _teller(shop, json=json)
        options = WatchOptions(
            after=since or _saved(save),
            user_id=user,
            statuses=statuses(status),
            on_state=teller.state,
        )
        if name is not None:
            options["order_id"] = lookup.find(shop, name)
        with shop.orders.watch(**options) as events, _Progress(context, save) as progress, teller:
            progress.reach(events.position)  # who is stopped before the first event misses none
            for event in events:
                teller.tell(event)
                progress.reach(event.position)


def follow(shop: Orderbase, order_id: UUID, *, json: bool) -> FeedEvent | None:
    """Tell of an order until it has come to an end; its last event."""
    teller: Teller = JsonLines() if json else Lines()
    with teller, shop.orders.watch(order_id=order_id, on_state=teller.state) as events:
        for event in events:
            teller.tell(event)
            if event.status in ENDS:
                return event
    return None


def _teller(shop: Orderbase, *, json: bool) -> Teller:
    if json:
        return JsonLines()
    console = render.out()
    if console.is_terminal and not console.is_dumb_terminal:
        return Board(console, shop)
    return Lines()


class _Progress:
    """Up to where everything was told; in a file, if one is wanted."""

    def __init__(self, context: typer.Context, file: Path | None) -> None:
        self._context = context
        self._file = file
        self._position: str | None = None

    def reach(self, position: str | None) -> None:
        """All up to here was told."""
        self._position = position
        if self._file is not None and position is not None:
            write_privately(self._file, f"{position}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self._file is None:
            since = {} if self._position is None else {"--since": self._position}
            render.remark(f"Go on with: {again(self._context, since)}")


def _saved(file: Path | None) -> str | None:
    try:
        return file.read_text("utf-8").strip() if file is not None else None
    except FileNotFoundError:
        return None
