"""A carrier with a ledger outside of our database: what was handed over, a line a parcel."""

import json
import os
from pathlib import Path

from functions.kit.queue import Job, Outcome
from functions.orders.shipping import TestCarrier
from tests.chaos.breaking import Breaker

LEDGER_VARIABLE = "CHAOS_PARCELS"
UNREACHABLE = "Nobody At Home"
"""The name of a recipient whose parcels no carrier takes."""


class Courier:
    """Takes parcels as the carrier of the shop without a contract does, and keeps a list."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._usual = TestCarrier()
        self._ledger = Path(os.environ[LEDGER_VARIABLE])

    async def ship(self, job: Job) -> Outcome:
        """See `Carrier`."""
        await self._breaker.call_carrier(job, "before_call")
        if job["shipping_address"]["name"] == UNREACHABLE:
            data = {"failure_code": "unreachable", "failure_message": "Nobody is at home."}
            return Outcome("failed", data)
        parcel = {"order_id": job["order_id"], "key": job["key"]}
        with self._ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(json.dumps(parcel) + "\n")
        outcome = await self._usual.ship(job)
        await self._breaker.call_carrier(job, "after_call")
        return outcome


def parcels(ledger: Path) -> list[dict[str, str]]:
    """What was handed over. The same key is the same parcel, however often it is listed."""
    if not ledger.exists():
        return []
    return [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
