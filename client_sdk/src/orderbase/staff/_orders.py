"""Orders of all shoppers: parcels, refunds, and what happened to each."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from orderbase import _orders
from orderbase._blocking import Blocking, blocking
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._order_filters import StaffOrderFilters
from orderbase._page import Page
from orderbase.models.orders import Order, OrderDetails
from orderbase.models.payments import Payment
from orderbase.money import Money
from orderbase.staff import _order_calls as calls
from orderbase.staff._order_models import (
    HistoryEntry,
    Refund,
    Shipment,
    ShippingFailure,
)
from orderbase.staff._resource import StaffResource


class AsyncStaffOrders(StaffResource):
    """Orders of all shoppers.

    Staff cancel orders with `shop.orders.cancel`, see `events` there, and watch those of all
    shoppers with `shop.orders.watch`.
    """

    async def list(
        self, *, limit: int = 100, after: str | None = None, **wanted: Unpack[StaffOrderFilters]
    ) -> Page[OrderDetails]:
        """A page of all orders, newest first.

        Args:
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.
            **wanted: see StaffOrderFilters.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor", or a filter makes no sense.
        """
        return await self._call(_orders.list_orders(limit, after, **wanted))

    def each(self, **wanted: Unpack[StaffOrderFilters]) -> AsyncEach[OrderDetails]:
        """All orders, to iterate over: read page by page.

        Args:
            **wanted: see StaffOrderFilters.
        """
        return AsyncEach(lambda after: self.list(limit=EACH_TIME, after=after, **wanted))

    async def get(self, order_id: UUID | str) -> OrderDetails:
        """One order.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(_orders.get_order(order_id))

    async def ship(self, order_id: UUID | str, *, carrier: str, tracking_number: str) -> Order:
        """Say that a paid order's parcel was handed over. The same parcel twice is once.

        Args:
            order_id: which order.
            carrier: up to 100 characters.
            tracking_number: up to 100 characters; one of this carrier that no other order has.

        Raises:
            NotFound: there is no such order.
            Conflict: "order_not_shippable": it is not paid, or turns back; `context` has its
                `status`. "shipping_in_progress": the carrier is being asked right now.
                "tracking_number_used": another order has it.
            InvalidRequest: "invalid_shipment".
        """
        call = calls.order_verb(
            "ship_order", order_id, carrier=carrier, tracking_number=tracking_number
        )
        return await self._call(call)

    async def fail_shipping(
        self, order_id: UUID | str, *, code: ShippingFailure, message: str
    ) -> Order:
        """Say that a paid order cannot be shipped: its money goes back, then its stock is free.

        Until then its `ending` is the code, and its `status` follows. Twice is once.

        Args:
            order_id: which order.
            code: "out_of_stock" or "shipping_failed".
            message: why, for people; up to 500 characters.

        Raises:
            NotFound: there is no such order.
            Conflict: "order_not_shippable", "shipping_in_progress".
            InvalidRequest: "invalid_failure".
        """
        return await self._call(
            calls.order_verb("fail_shipping", order_id, code=code, message=message)
        )

    async def deliver(self, order_id: UUID | str) -> Order:
        """Say that the parcel has arrived. Twice is once.

        Raises:
            NotFound: there is no such order.
            Conflict: "order_not_shipped"; `context` has its `status`.
        """
        return await self._call(calls.order_verb("deliver_order", order_id))

    async def refund(
        self,
        order_id: UUID | str,
        *,
        amount: Money | None,
        reason: str,
        idempotency_key: UUID | str | None = None,
    ) -> Refund:
        """Give money back. After a lost connection it is asked for again under the same key.

        The answer is "requested"; `refunds` tells what became of it.

        Args:
            order_id: which order.
            amount: at most what is left of the payment, in the order's currency. None: all that
                is left, which ends the order as "refunded", or before it is shipped as
                "cancelled".
            reason: why, for people; up to 500 characters.
            idempotency_key: same key and request, same refund, for ever. Give your own to be able
                to try again from another process; generated otherwise.

        Raises:
            NotFound: there is no such order.
            Conflict: "nothing_to_refund", whose `context` has `status` and `refundable`;
                "shipping_in_progress".
            IdempotencyMismatch: the key belongs to another refund of the order.
            InvalidRequest: "currency_mismatch"; "invalid_amount", whose `context` has
                `refundable` (minor units) and `currency`; "invalid_reason".
        """
        return await self._call(calls.refund(order_id, amount, reason, idempotency_key))

    async def refunds(self, order_id: UUID | str) -> Sequence[Refund]:
        """Refunds of an order, oldest first.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(calls.refunds(order_id))

    async def payments(self, order_id: UUID | str) -> Sequence[Payment]:
        """Attempts to take the money of an order, oldest first.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(calls.payments(order_id))

    async def shipment(self, order_id: UUID | str) -> Shipment | None:
        """The parcel of an order; None while there is none.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(calls.shipment(order_id))

    async def history(self, order_id: UUID | str) -> Sequence[HistoryEntry]:
        """Everything that happened to an order, oldest first.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(calls.history(order_id))


class StaffOrders(Blocking[AsyncStaffOrders]):
    """See AsyncStaffOrders: the same, and each method waits."""

    list = blocking(AsyncStaffOrders.list)
    each = iterating(AsyncStaffOrders.each)
    get = blocking(AsyncStaffOrders.get)
    ship = blocking(AsyncStaffOrders.ship)
    fail_shipping = blocking(AsyncStaffOrders.fail_shipping)
    deliver = blocking(AsyncStaffOrders.deliver)
    refund = blocking(AsyncStaffOrders.refund)
    refunds = blocking(AsyncStaffOrders.refunds)
    payments = blocking(AsyncStaffOrders.payments)
    shipment = blocking(AsyncStaffOrders.shipment)
    history = blocking(AsyncStaffOrders.history)
