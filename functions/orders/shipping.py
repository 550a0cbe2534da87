"""Handing parcels over to a carrier."""

import hashlib
from typing import Protocol

from functions.kit.queue import Job, Outcome

_DIGITS = 12


class Carrier(Protocol):
    """Takes parcels. The same key is the same parcel, however often it is handed over."""

    async def ship(self, job: Job) -> Outcome:
        """Hand over `items` to `shipping_address` under `key`.

        succeeded has `carrier` and `tracking_number`; failed, a definite no, has `failure_code` and
        `failure_message`; retry is everything else.
        """


class TestCarrier:
    """Takes every parcel and moves none: for shops without a carrier's contract."""

    __test__ = False

    async def ship(self, job: Job) -> Outcome:
        """Succeeds with a tracking number made from the key."""
        digest = int(hashlib.sha256(job["key"].encode()).hexdigest(), 16)
        number = f"TEST{digest % 10**_DIGITS:0{_DIGITS}}"
        return Outcome("succeeded", {"carrier": "test", "tracking_number": number})
