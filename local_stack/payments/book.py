"""What every write to the ledger has in common: ids and times, movements of money, events."""

import os
import time
from collections.abc import Callable, Collection

from local_stack.payments.ledger import Document, Ledger

API_VERSION = "2026-10-28.endive"


def new_id(prefix: str) -> str:
    """A new object id such as `pi_…`; ids grow with time, which spares the ledger's index."""
    return f"{prefix}_{time.time_ns():016x}{os.urandom(5).hex()}"


class Book:
    """Adds objects, enters movements of money, records events and what is to happen later."""

    def __init__(
        self, ledger: Ledger, clock: Callable[[], float], delivered: Collection[str]
    ) -> None:
        """`delivered` are the kinds of events that go to the webhook endpoint."""
        self.ledger = ledger
        self._clock = clock
        self._delivered = delivered

    def now(self) -> int:
        return int(self._clock())

    def add(self, prefix: str, kind: str, **fields: object) -> Document:
        """Insert a new object."""
        return self.ledger.insert(self._document(prefix, kind, fields))

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
        """Record an event about the document as it is now, to be delivered if somebody listens."""
        fields = {"type": kind, "api_version": API_VERSION, "data": {"object": document}}
        event = self._document("evt", "event", fields)
        self.ledger.append(event)
        if kind in self._delivered:
            self.ledger.schedule(event["id"], due=0)

    def later(self, document: Document, seconds: float) -> None:
        """Have the timetable come back to a document."""
        self.ledger.plan(document["id"], self._clock() + seconds)

    def _document(self, prefix: str, kind: str, fields: Document) -> Document:
        shared = {"id": new_id(prefix), "object": kind, "created": self.now(), "livemode": False}
        return shared | fields
