"""Carriers: the test one, and the shop's staff."""

from functions.kit.queue import Outcome
from functions.orders.shipping import ManualShipping, TestCarrier


async def test_a_parcel_has_one_tracking_number_per_key() -> None:
    carrier = TestCarrier()
    first, again, other = [await carrier.ship({"key": key}) for key in ("key-1", "key-1", "key-2")]
    assert first == again != other
    assert first.status == "succeeded"
    assert (first.data["carrier"], first.data["delivered"]) == ("test", True)
    number = str(first.data["tracking_number"])
    assert (number[:4], len(number), number[4:].isdigit()) == ("TEST", 16, True)


async def test_staff_are_waited_for() -> None:
    assert await ManualShipping().ship({"key": "key-1"}) == Outcome("waiting")
