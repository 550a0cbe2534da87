"""Handing parcels over to a carrier."""

import hashlib
from typing import Protocol

from functions.kit.queue import Job, Outcome

_DIGITS = 12


class Carrier(Protocol):
    """Takes parcels. The same key is the same parcel, however often it is handed over."""

    async def ship(self, job: Job) -> Outcome:
        """Hand over `items` to `shipping_address` under `key`.

        succeeded has `carrier`, `tracking_number` and, if known at once, `delivered`; failed, a
        definite no, has `failure_code` and `failure_message`; waiting is for the staff; retry is
        everything else.
        """


class TestCarrier:
    """Takes every parcel and moves none: for shops without a carrier's contract."""

    __test__ = False

    async def ship(self, job: Job) -> Outcome:
        """Succeeds with a tracking number made from the key; the parcel arrives at once."""
        digest = int(hashlib.sha256(job["key"].encode()).hexdigest(), 16)
        number = f"TEST{digest % 10**_DIGITS:0{_DIGITS}}"
        data = {"carrier": "test", "tracking_number": number, "delivered": True}
        return Outcome("succeeded", data)


class ManualShipping:
    """The shop's staff hand parcels over, and say so by the verbs `ship_order`, `deliver_order`."""

    async def ship(self, _job: Job) -> Outcome:
        """Waits for them."""
        return Outcome("waiting")
