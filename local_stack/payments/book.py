"""What every write to the ledger has in common: ids and times, movements of money, events."""

import secrets
from collections.abc import Callable

from local_stack.payments.ledger import Document, Ledger

API_VERSION = "2026-10-28.endive"


def new_id(prefix: str) -> str:
    """A new object id such as `pi_…`."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Book:
    """Adds objects, enters movements of money and records events."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float], *, webhooks: bool) -> None:
        self.ledger = ledger
        self._clock = clock
        self._webhooks = webhooks

    def now(self) -> int:
        return int(self._clock())

    def add(self, prefix: str, kind: str, **fields: object) -> Document:
        """Insert a new object."""
        shared = {"id": new_id(prefix), "object": kind, "created": self.now(), "livemode": False}
        return self.ledger.insert(shared | fields)

    def move(self, kind: str, amount: int, currency: str, source: str) -> str:
        """Enter a movement of money (negative: given back) and return its id."""
        row = self.add(
            "txn",
            "balance_transaction",
            type=kind,
            amount=amount,
            net=amount,
            fee=0,
            currency=currency,
            source=source,
            status="available",
        )
        return str(row["id"])

    def emit(self, kind: str, document: Document) -> None:
        """Record an event, to be delivered if somebody listens."""
        event = self.add(
            "evt", "event", type=kind, api_version=API_VERSION, data={"object": document}
        )
        if self._webhooks:
            self.ledger.schedule(event["id"], due=0)
