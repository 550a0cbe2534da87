"""What a watch is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypedDict, get_args
from uuid import UUID

from orderbase._event_types import OrderEventType
from orderbase._feed import WatchState
from orderbase._ids import as_uuid
from orderbase.errors import InvalidRequest
from orderbase.models import FeedEvent, OrderStatus, Snapshot, User


class WatchOptions(TypedDict, total=False):
    """What to watch, from where on, and how.

    Attributes:
        after: a stored `position`, `orders.position()`, or `orders.snapshot()`. Without it: from
            the start of the watch on, or with `order_id` from that order's first event.
        order_id: only this order.
        user_id: only this buyer's orders; for staff, who hear of all.
        statuses: only events after which the order has one of these. That may be several: an
            order that is completed has that status after a refund of a part of it, too. To hear
            of a step itself, once, ask for its `types`.
        types: only events of these types, such as "order.completed": see
            [`OrderEventType`][orderbase.OrderEventType].
        poll_every: seconds between two looks when nothing is heard, more than 0; 10.
        on_state: told of each new `state`, in the client's event loop: it must not block, nor call
            the shop.
    """

    after: str | Snapshot | None
    order_id: UUID | str | None
    user_id: UUID | str | None
    statuses: Collection[OrderStatus] | None
    types: Collection[OrderEventType] | None
    poll_every: float
    on_state: Callable[[WatchState], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are told. `known`: versions of orders that are known already."""

    order_id: UUID | None
    user_id: UUID | None
    statuses: Collection[str] | None
    types: Collection[str] | None
    known: Mapping[UUID, int]

    @classmethod
    def of(cls, options: WatchOptions) -> Wanted:
        """What the options say.

        Raises:
            InvalidRequest: an id is none; "invalid_statuses", "invalid_types",
                "unknown_event_type": these would wait for ever; "invalid_poll_every".
        """
        if not options.get("poll_every", 1) > 0:
            message = "poll_every is a number of seconds, more than 0."
            raise InvalidRequest(message, code="invalid_poll_every")
        after, order_id = options.get("after"), options.get("order_id")
        user_id = options.get("user_id")
        orders = after.orders if isinstance(after, Snapshot) else ()
        return cls(
            None if order_id is None else as_uuid(order_id),
            None if user_id is None else as_uuid(user_id, "user_id"),
            _statuses(options.get("statuses")),
            _types(options.get("types")),
            {order.id: order.version for order in orders},
        )

    def wants(self, event: FeedEvent) -> bool:
        """Whether the event is told."""
        return (
            self.order_id in (None, event.order_id)
            and self.user_id in (None, event.user_id)
            and (self.statuses is None or event.status in self.statuses)
            and (self.types is None or event.type in self.types)
            and event.version > self.known.get(event.order_id, 0)
        )

    def row_filter(self, user: User | None) -> str | None:
        """Spares Realtime from checking every event against every subscriber's row security."""
        if self.order_id is not None:
            return f"order_id=eq.{self.order_id}"
        buyer = self.user_id
        if buyer is None and user is not None and not user.is_staff:
            buyer = user.id
        return None if buyer is None else f"user_id=eq.{buyer}"


def _statuses(wanted: Collection[OrderStatus] | None) -> Collection[str] | None:
    several = _several("statuses", wanted)
    if unknown := _others(several, get_args(OrderStatus)):
        raise InvalidRequest(f"There is no status {unknown}.", code="invalid_statuses")
    return several


def _types(wanted: Collection[OrderEventType] | None) -> Collection[str] | None:
    several = _several("types", wanted)
    if unknown := _others(several, get_args(OrderEventType)):
        message = f"This version of orderbase knows no event {unknown}."
        raise InvalidRequest(message, code="unknown_event_type")
    return several


def _several(name: str, wanted: Collection[str] | None) -> Collection[str] | None:
    if isinstance(wanted, str):
        raise InvalidRequest(f"{name} is a list or a set, not a text.", code=f"invalid_{name}")
    return wanted


def _others(wanted: Collection[str] | None, known: Collection[str]) -> str:
    return ", ".join(sorted(map(str, set(wanted or ()) - set(known))))
