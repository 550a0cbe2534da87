"""Orders: place, read, cancel, and watch them live."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Unpack
from uuid import UUID

from orderbase import _orders
from orderbase._each import EACH_TIME, AsyncEach
from orderbase._order_filters import OrderFilters, StaffOrderFilters
from orderbase._page import Page
from orderbase._reader import Reader
from orderbase._resource import Resource
from orderbase._wanted import WatchOptions
from orderbase._watch import AsyncSubscription, AsyncWatch
from orderbase.models import (
    Address,
    FeedEvent,
    Order,
    OrderDetails,
    OrderEvent,
    Payment,
    Quote,
    Snapshot,
)
from orderbase.money import Money


class AsyncOrders(Resource):
    """The orders of whoever is signed in.

    Every method raises AuthError "sign_in_required" when nobody is.
    """

    async def quote(self, items: _orders.Basket, *, country: str) -> Quote:
        """A price that the shop stands by for a while: `place` charges it if it gets the quote.

        It reserves no stock.

        Args:
            items: 1 to 100 lines, or quantities by product id.
            country: where the order would go, ISO 3166-1.

        Raises:
            InvalidRequest: the basket or the country will not do.
        """
        return await self._call(_orders.quote_order(items, country))

    async def place(  # noqa: PLR0913 - all that an order says
        self,
        items: _orders.Basket,
        *,
        shipping_address: Address,
        payment_method: str,
        idempotency_key: UUID | str | None = None,
        currency: str | None = None,
        expected_total: Money | None = None,
        email: str | None = None,
        quote: Quote | str | None = None,
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
            expected_total: what the shopper was shown; refused if it costs something else, or is
                sold in another currency there.
            email: where mails about a guest's order go; an account's go to its own address.
            quote: what `quote` answered to the same person, for the same items and country, or
                its `token`: its prices are charged, whatever the products cost by now.

        Raises:
            OutOfStock: nothing was ordered; `products` says what is short.
            Conflict: "price_changed"; `context` has the `total` (minor units) and `currency`.
                "quote_expired": ask for another. "quote_mismatch": it was made for something
                else; `context` says what `differs`: "user", "items" or "country".
            IdempotencyMismatch: the key belongs to another request.
            InvalidRequest: the basket, address, payment method, e-mail or quote will not do.
            RateLimited: a guest has placed ten orders within an hour.
            ConnectionFailed, TimedOut, ServerError: whether the order was placed is unknown;
                place it again with the error's `idempotency_key`.
        """
        terms = _orders.terms(currency, expected_total, email, quote)
        call = _orders.place_order(items, shipping_address, payment_method, idempotency_key, terms)
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

    async def list(
        self, *, limit: int = 100, after: str | None = None, **wanted: Unpack[OrderFilters]
    ) -> Page[OrderDetails]:
        """A page of my orders, newest first.

            page = await shop.orders.list(statuses={"paid", "shipped"}, limit=20)
            following = await shop.orders.list(
                statuses={"paid", "shipped"}, limit=20, after=page.next
            )

        Args:
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.
            **wanted: see OrderFilters.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor", or a filter makes no sense.
        """
        return await self._call(_orders.list_orders(limit, after, **self._mine(wanted)))

    def each(self, **wanted: Unpack[OrderFilters]) -> AsyncEach[OrderDetails]:
        """All my orders, to iterate over: read page by page.

        Args:
            **wanted: see OrderFilters.
        """
        return AsyncEach(lambda after: self.list(limit=EACH_TIME, after=after, **wanted))

    def _mine(self, wanted: OrderFilters) -> StaffOrderFilters:
        others = wanted.keys() - OrderFilters.__annotations__.keys()
        if others:
            raise TypeError(f"my orders have no filter {', '.join(sorted(others))}")
        buyer = self._auth.user
        return {**wanted, "user_id": buyer.id if buyer else None, "email": None}

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

    async def payment(self, order_id: UUID | str) -> Payment:
        """The payment of an order: the last one, should there have been several.

        After the event "order.payment_action_required", the buyer's browser confirms it with its
        `client_secret`. Show that to nobody but the buyer.

        Raises:
            NotFound: "payment_not_found": there is none yet. "order_not_found".
        """
        return await self._call(_orders.get_payment(order_id))

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
