"""What a test lets happen to the orders of a fake shop."""

from collections.abc import Callable
from uuid import UUID

from orderbase import _orders
from orderbase.models import Order, OrderDetails
from orderbase.testing._cards import Decline
from orderbase.testing._inside import Inside, id_of
from orderbase.testing._store import Row


class Moves(Inside):
    """Orders, and what moves them on."""

    def order(self, order: Order | UUID | str) -> OrderDetails:
        """An order as it is now.

        Raises:
            NotFound: there is none.
        """
        return self._read(_orders.get_order(id_of(order)))

    def pay(self, order: Order | UUID | str) -> OrderDetails:
        """The payment of an order comes in, also one that the shopper had to confirm.

        Raises:
            ValueError: it does not wait for one.
        """
        return self._step(order, self._parts.steps.charge)

    def fail_payment(
        self,
        order: Order | UUID | str,
        *,
        code: str = "card_declined",
        message: str = "Your card was declined.",
    ) -> OrderDetails:
        """The payment of an order is refused.

        Raises:
            ValueError: it does not wait for one.
        """
        why = Decline(code, message)
        return self._step(order, lambda row: self._parts.steps.decline(row, why))

    def ship(
        self,
        order: Order | UUID | str,
        *,
        carrier: str = "test",
        tracking_number: str | None = None,
    ) -> OrderDetails:
        """The parcel of a paid order is handed over.

        Raises:
            ValueError: it is not paid, or already shipped.
        """
        steps = self._parts.steps
        return self._step(
            order,
            lambda row: steps.ship(row, carrier, tracking_number or steps.tracking_number(row)),
        )

    def complete(self, order: Order | UUID | str) -> OrderDetails:
        """All that is left happens: the order is paid, shipped, and arrives.

        Raises:
            ValueError: it has come to another end.
        """
        return self._step(order, self._parts.steps.complete)

    def settle(self) -> None:
        """All that is due happens, as it does by itself unless `settles` is false."""
        with self._parts.server.lock:
            self._parts.steps.settle()

    def _step(self, order: Order | UUID | str, step: Callable[[Row], None]) -> OrderDetails:
        with self._parts.server.lock:
            row = self._parts.store.find("orders", id=id_of(order))
            if row is not None:
                step(row)
            self._parts.finish()
        return self.order(order)
