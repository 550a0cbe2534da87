"""Orders: place, read, cancel, and watch them live."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

from orderbase import _orders, errors
from orderbase._auth import AsyncAuth
from orderbase._feed import PAGE_ROWS, Follower, Position
from orderbase._realtime import Listener
from orderbase._send import AsyncSender
from orderbase.models import Address, FeedEvent, Order, OrderDetails, OrderEvent, User
from orderbase.money import Money

_POLL_SECONDS = 10.0


class AsyncOrders:
    """The orders of whoever is signed in.

    Every method raises AuthError when nobody is.
    """

    def __init__(self, sender: AsyncSender, auth: AsyncAuth, *, url: str, key: str) -> None:
        self._sender = sender
        self._auth = auth
        self._url = url
        self._key = key

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
        return await self._sender.send(call)

    async def cancel(self, order_id: UUID | str) -> Order:
        """Cancel an order that has not been handed over. Cancelling twice is once.

        What was paid goes back first: until then the order's `ending` is "cancelled", and its
        `status` follows.

        Raises:
            NotFound: there is no such order.
            Conflict: "order_not_cancellable"; `context` has its `status`.
        """
        return await self._sender.send(_orders.cancel_order(order_id))

    async def list(self, *, limit: int = 100, before: Order | None = None) -> list[OrderDetails]:
        """My orders, newest first.

        Args:
            limit: at most this many, up to 1000.
            before: only orders older than this one; the last of a page gives the next page.
        """
        buyer = self._auth.user.id if self._auth.user else None
        return await self._sender.send(_orders.list_orders(buyer, limit, before))

    async def get(self, order_id: UUID | str) -> OrderDetails:
        """One order.

        Raises:
            NotFound: there is no such order.
        """
        return await self._sender.send(_orders.get_order(order_id))

    async def events(self, order_id: UUID | str) -> Sequence[OrderEvent]:
        """What happened to an order so far, oldest first; empty if there is no such order."""
        return await self._sender.send(_orders.list_events(order_id))

    async def position(self) -> str:
        """Where the feed is now: `watch(after=...)` tells whatever happens from here on.

        Read it before you place an order, and you miss nothing of it.
        """
        return await self._sender.send(_orders.feed_head())

    async def watch(
        self,
        *,
        after: str | None = None,
        order_id: UUID | str | None = None,
        poll_every: float = _POLL_SECONDS,
    ) -> AsyncGenerator[FeedEvent, None]:
        """Events of my orders (for staff: of all) as they happen, each once, in order, for ever.

        Realtime says when to look; where it fails, the feed is read every `poll_every` seconds,
        and lost connections are waited out. Store `event.position` to continue from there.
        Leave the loop inside `contextlib.aclosing(...)` to close the connection at once.

        Args:
            after: an `event.position` or `position()`. Without it: from now on, or with
                `order_id` from that order's first event.
            order_id: only this order's events.
            poll_every: seconds between two looks when nothing is heard.

        Raises:
            NotFound: there is no such order.
            AuthError: nobody is signed in any more, or somebody else.
            InvalidRequest: `after` is not a position.
        """
        user = self._auth.user
        wanted = None if order_id is None else _orders.as_uuid(order_id)
        start = Position.parse(after or await self._start(wanted))

        async def read(position: Position) -> Sequence[FeedEvent]:
            if _id(self._auth.user) != _id(user):
                raise errors.AuthError("Somebody else is signed in now.", code="user_changed")
            return await self._sender.send(_orders.feed(str(position), PAGE_ROWS))

        listener = Listener(
            self._auth, url=self._url, key=self._key, row_filter=_row_filter(user, wanted)
        )
        async with listener.listening() as hints:
            follower = Follower(read, hints, start, poll_every=poll_every)
            async with aclosing(follower.events()) as events:
                async for event in events:
                    if wanted in (None, event.order_id):
                        yield event

    async def _start(self, order_id: UUID | None) -> str:
        if order_id is None:
            return await self.position()
        return await self._sender.send(_orders.before_first_event(order_id))


def _id(user: User | None) -> UUID | None:
    return user.id if user else None


def _row_filter(user: User | None, order_id: UUID | None) -> str | None:
    """Spares Realtime from checking every event against every subscriber's row security."""
    if order_id is not None:
        return f"order_id=eq.{order_id}"
    return None if user is None or user.is_staff else f"user_id=eq.{user.id}"
