"""What all parts of a fake shop's surface share: its inside, read as a client reads it."""

from typing import TypeVar
from uuid import UUID

from orderbase._call import Call
from orderbase.models import Order, Product
from orderbase.testing._parts import SECRET_KEY, URL, Parts
from orderbase.testing._received import Received

T = TypeVar("T")


class Inside:
    """Has the parts of a shop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _read(self, call: Call[T]) -> T:
        """As a client with the secret key reads it."""
        request = call.request(URL, {"authorization": f"Bearer {SECRET_KEY}"})
        return call.read(self._parts.server.answer(Received.of(request)))


def id_of(thing: Order | Product | UUID | str) -> str:
    """The id of what a test names."""
    return str(thing.id if isinstance(thing, Order | Product) else thing)
