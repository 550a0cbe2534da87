"""The live table of orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from orderbase._feed import WatchState
from orderbase._sync import Orderbase
from orderbase.cli import render
from orderbase.cli.tables import Rows
from orderbase.errors import OrderbaseError
from orderbase.models import FeedEvent, Order

_AROUND = 5  # lines for what is not an order
_REFRESHES_PER_SECOND = 4
_RECENT = timedelta(minutes=1)
_STATES = {
    "starting": Text("○ starting", "dim"),
    "live": Text("● live", "green"),
    "stale": Text("● stale: the shop is out of reach; nothing will be missed", "yellow"),
}


@dataclass(frozen=True)
class _Row:
    event: FeedEvent
    order: Order | None


class Board:
    """A table that changes in place: each order with its last event, the newest on top."""

    def __init__(self, console: Console, shop: Orderbase) -> None:
        self._console = console
        self._shop = shop
        self._state: WatchState = "starting"
        self._rows: Mapping[UUID, _Row] = {}
        self._told = 0
        self._live = Live(
            console=console,
            get_renderable=self._drawn,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def tell(self, event: FeedEvent) -> None:
        """See Teller."""
        known = self._rows.get(event.order_id)
        order = known.order if known else self._order(event)
        rows = {event.order_id: _Row(event, order)}
        rows |= {key: row for key, row in self._rows.items() if key != event.order_id}
        self._rows = dict(list(rows.items())[: self._height])  # as a whole: another thread draws
        self._told += 1

    def state(self, state: WatchState) -> None:
        """See Teller."""
        self._state = state

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    @property
    def _height(self) -> int:
        return max(1, self._console.height - _AROUND)

    def _order(self, event: FeedEvent) -> Order | None:
        """Number and total; what happened long ago does without, so as not to ask a lot."""
        if datetime.now(UTC) - event.created_at > _RECENT:
            return None
        try:
            return self._shop.orders.get(event.order_id)
        except OrderbaseError:
            return None

    def _drawn(self) -> RenderableType:
        table = Rows(
            *("Number", "Id", "Status", "When", "Total"),
            right={"Number", "Total"},
            spare=("When", "Total", "Number", "Status"),
        )
        for row in list(self._rows.values())[: self._height]:
            table.add(
                row.order.number if row.order else "",
                render.short(row.event.order_id),
                render.status(row.event.status),
                render.when(row.event.created_at),
                row.order.total if row.order else "",
            )
        told = f"   {self._told} events" if self._told != 1 else "   1 event"
        head = Text.assemble(_STATES[self._state], (told, "dim"), ("   Ctrl-C ends", "dim"))
        return Group(head, table) if self._rows else head
