"""How a watch tells its events, one after the other."""

from types import TracebackType
from typing import Protocol, Self

from orderbase._feed import WatchState
from orderbase.cli import render
from orderbase.models import FeedEvent


class Teller(Protocol):
    """Tells of events, and of whether they are all there are."""

    def tell(self, event: FeedEvent) -> None:
        """Something has happened."""
        ...

    def state(self, state: WatchState) -> None:
        """Called from another thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Lines:
    """A line for each event."""

    def __init__(self) -> None:
        self._stale = False

    def tell(self, event: FeedEvent) -> None:
        """See Teller."""
        order = render.short(event.order_id)
        render.say(render.when(event.created_at), order, render.status(event.status))

    def state(self, state: WatchState) -> None:
        """See Teller."""
        if state == "stale":
            render.remark("stale: the shop is out of reach; nothing will be missed")
        elif self._stale:
            render.remark("live again")
        self._stale = state == "stale"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is left to do."""


class JsonLines(Lines):
    """A JSON object for each event, one a line."""

    def tell(self, event: FeedEvent) -> None:
        """See Teller."""
        render.print_json(event)
