"""Orders: place, read, cancel, and watch them live."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Unpack
from uuid import UUID

from orderbase import _orders
from orderbase._reader import Reader
from orderbase._resource import Resource
from orderbase._wanted import WatchOptions
from orderbase._watch import AsyncSubscription, AsyncWatch
from orderbase.models import Address, FeedEvent, Order, OrderDetails, OrderEvent, Snapshot
from orderbase.money import Money


class AsyncOrders(Resource):
    """The orders of whoever is signed in.

    Every method raises AuthError when nobody is.
    """

    async def place(
        self,
        items: _orders.Basket,
        *,
        shipping_address: Address,
        payment_method: str,
        idempotency_key: UUID | str | None = None,
        currency: str | None = None,
        expected_total: Money | None = None,
        email: str | None = None,
    ) -> Order:
        """Place an order: priced by the shop, stock reserved, payment and shipment to follow.

        After a lost connection the same request is sent again under the same key, which never
        orders twice.

        Args:
            items: 1 to 100 lines, or quantities by product id.
            shipping_address: its country decides the market's prices.
            payment_method: a Stripe payment method id, such as "pm_card_visa" in test mode.
            idempotency_key: same key and request, same order, for ever. Give your own to be able
                to try again from another process; generated otherwise.
            currency: ISO 4217; refused if the basket is not sold in it.
            expected_total: what the shopper was shown; refused if the price has changed.
            email: where mails about a guest's order go; an account's go to its own address.

        Raises:
            OutOfStock: nothing was ordered; `products` says what is short.
            Conflict: "price_changed"; `context` has the `total` (minor units) and `currency`.
            IdempotencyMismatch: the key belongs to another request.
            InvalidRequest: the basket, address, payment method or e-mail will not do.
            RateLimited: a guest has placed ten orders within an hour.
            ConnectionFailed, TimedOut, ServerError: whether the order was placed is unknown;
                place it again with the error's `idempotency_key`.
        """
        call = _orders.place_order(
            items,
            shipping_address,
            payment_method,
            idempotency_key,
            currency,
            expected_total,
            email,
        )
        return await self._call(call)

    async def cancel(self, order_id: UUID | str) -> Order:
        """Cancel an order that has not been handed over. Cancelling twice is once.

        What was paid goes back first: until then the order's `ending` is "cancelled", and its
        `status` follows.

        Raises:
            NotFound: there is no such order.
            Conflict: "order_not_cancellable"; `context` has its `status`.
        """
        return await self._call(_orders.cancel_order(order_id))

    async def list(self, *, limit: int = 100, before: Order | None = None) -> list[OrderDetails]:
        """My orders, newest first.

        Args:
            limit: at most this many, up to 1000.
            before: only orders older than this one; the last of a page gives the next page.
        """
        buyer = self._auth.user.id if self._auth.user else None
        return await self._call(_orders.list_orders(buyer, limit, before))

    async def get(self, order_id: UUID | str) -> OrderDetails:
        """One order.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(_orders.get_order(order_id))

    async def events(self, order_id: UUID | str) -> Sequence[OrderEvent]:
        """What happened to an order so far, oldest first.

        Raises:
            NotFound: there is no such order.
        """
        return await self._call(_orders.list_events(order_id))

    async def position(self) -> str:
        """Where the feed is now: `watch(after=...)` tells whatever happens from here on.

        Read it before you place an order, and you miss nothing of it.
        """
        return await self._call(_orders.feed_head())

    async def snapshot(self, *, limit: int = 1000) -> Snapshot:
        """My orders, newest first, and the position up to which they are known.

        `watch(after=snapshot)` tells whatever is not in it.

        Args:
            limit: at most this many, up to 1000.
        """
        position = await self.position()
        return Snapshot(position, tuple(await self.list(limit=limit)))

    def watch(self, **options: Unpack[WatchOptions]) -> AsyncWatch:
        """Events of my orders (for staff: of all) as they happen, each once, in order, for ever.

        Realtime says when to look; where it fails, the feed is read every `poll_every` seconds,
        and lost connections are waited out. Store `event.position` to continue from there.

        Args:
            **options: see WatchOptions.
        """
        return AsyncWatch(Reader(self._sender, self._auth, options))

    async def on_change(
        self,
        callback: Callable[[FeedEvent], Awaitable[None] | None],
        **options: Unpack[WatchOptions],
    ) -> AsyncSubscription:
        """Call back for each event that `watch` would tell; nothing is missed from now on.

        The next event waits until the callback, or what it returns to be awaited, is done.

        Args:
            callback: told of one event at a time; if it raises, that ends the subscription.
            **options: see WatchOptions.
        """
        reader = Reader(self._sender, self._auth, options)
        await reader.start()
        return AsyncSubscription(reader, callback)
