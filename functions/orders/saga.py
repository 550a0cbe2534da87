"""The saga of an order, declared once.

The engine, the rows of `private.steps` and `private.status_changes`, the picture in the docs and
the crash matrix of the tests are all made from `SAGA`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from functions.kit.queue import Job, Outcome
from functions.kit.retries import Retry
from functions.orders.payments import Payments
from functions.orders.shipping import Carrier

Effect = Callable[["Providers", Job], Awaitable[Outcome]]


@dataclass(frozen=True)
class Providers:
    """Those outside of the database that steps speak to."""

    payments: Payments
    carrier: Carrier


@dataclass(frozen=True)
class Step:
    """An effect outside of the database. Trying it again has the same key, so it happens once."""

    name: str
    due_in: str | None
    """The order's status that makes it due; None: when it is asked for."""
    leads_to: str | None
    """The status that success brings; None: the order stays where it is."""
    refused_as: tuple[str, ...]
    """Where a definite no leads; after compensation, if there is something to compensate."""
    service: str
    """Whom it speaks to: one circuit breaker each."""
    effect: Effect
    compensated_by: str | None = None
    """The step that takes it back."""
    timeout: float = 10.0
    """Seconds for one attempt."""
    retry: Retry = field(default_factory=Retry)
    """Within one delivery; the queue's policy has the slower ones."""


@dataclass(frozen=True)
class Saga:
    """All that an order may go through."""

    begins_in: str
    """The status that `place_order` gives, with the stock reserved."""
    steps: tuple[Step, ...]
    notified: tuple[str, str]
    """From which status to which an order goes when it has arrived and its mails are sent."""
    turned_back: dict[str, tuple[str, ...]]
    """Where people lead an order, from which statuses: money goes back, stock is free."""

    def edges(self) -> list[tuple[str, str]]:
        """Every move that an order can make; besides, each may come to need attention, and back."""
        forward = [(s.due_in, s.leads_to) for s in self.steps if s.due_in and s.leads_to]
        refused = [(s.due_in, end) for s in self.steps if s.due_in for end in s.refused_as]
        back = [(start, end) for end, starts in self.turned_back.items() for start in starts]
        return sorted({*forward, *refused, *back, self.notified})


SAGA = Saga(
    begins_in="placed",
    steps=(
        Step(
            "refund",
            due_in=None,
            leads_to=None,
            refused_as=(),
            service="stripe",
            effect=lambda providers, job: providers.payments.refund(job),
        ),
        Step(
            "charge",
            due_in="placed",
            leads_to="paid",
            refused_as=("payment_failed",),
            service="stripe",
            effect=lambda providers, job: providers.payments.charge(job),
            compensated_by="refund",
        ),
        Step(
            "ship",
            due_in="paid",
            leads_to="shipped",
            refused_as=("shipping_failed", "out_of_stock"),
            service="carrier",
            effect=lambda providers, job: providers.carrier.ship(job),
        ),
        Step(
            "capture",
            due_in="shipped",
            leads_to=None,
            refused_as=(),
            service="stripe",
            effect=lambda providers, job: providers.payments.capture(job),
            compensated_by="refund",
        ),
    ),
    notified=("shipped", "completed"),
    turned_back={"cancelled": ("placed", "paid"), "refunded": ("shipped", "completed")},
)
