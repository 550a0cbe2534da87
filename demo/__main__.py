"""Sign up, subscribe, place an order of three products, watch it live, and read the mails about it.

Exits with 0 only if all of it happened.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
from rich.console import Console

from demo.shop import Shop, StoppedError
from orderbase import Address, AsyncOrderbase, FeedEvent, Order, OrderbaseError, Product

_SECONDS = 30
_CARD = "pm_card_visa"
_FINAL = {
    *("completed", "payment_failed", "out_of_stock", "shipping_failed", "cancelled", "refunded"),
    "needs_attention",
}
_WANTED_MAILS = 2


class Story:
    """Prints what happens with the time since the order was placed."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._start = time.perf_counter()

    def begin(self) -> None:
        """Time counts from here."""
        self._start = time.perf_counter()

    def tell(self, text: str) -> None:
        """One line."""
        self._console.print(text)

    def tell_at(self, text: str) -> None:
        """One line with the time."""
        elapsed = (time.perf_counter() - self._start) * 1000
        self._console.print(f"  [cyan]{elapsed:6.0f} ms[/cyan]  {text}")


async def visit(shop: Shop, story: Story) -> None:
    """The whole visit.

    Raises:
        StoppedError: something did not happen.
        OrderbaseError: the shop refused.
    """
    email = f"shopper-{uuid.uuid4().hex[:8]}@example.com"
    async with AsyncOrderbase(shop.url, shop.key) as client:
        await client.auth.sign_up(email=email, password=uuid.uuid4().hex)
        story.tell(f"Signed up as {email}.")
        position = await client.orders.position()
        async with aclosing(client.orders.watch(after=position)) as events:
            products = (await client.products.list(limit=24))[:3]
            order = await _place(client, products, story)
            await _follow(events, order, story)
    await _show_mails(shop, email, order, story)


async def _place(client: AsyncOrderbase, products: list[Product], story: Story) -> Order:
    total = sum((product.price for product in products[1:]), products[0].price)
    story.tell("Ordering: " + ", ".join(f"{item.name} ({item.price})" for item in products) + ".")
    address = Address(
        name="Demo Shopper",
        line1="1 Example Street",
        city="Berlin",
        postal_code="10115",
        country="DE",
    )
    story.begin()
    order = await client.orders.place(
        {product.id: 1 for product in products},
        shipping_address=address,
        payment_method=_CARD,
        expected_total=total,
    )
    story.tell_at(f"order {order.number} is {order.status}: {order.total}")
    return order


async def _follow(events: AsyncIterator[FeedEvent], order: Order, story: Story) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            async for event in events:
                if event.order_id == order.id:
                    story.tell_at(f"live: {event.type}")
                    if event.status in _FINAL:
                        break
    except TimeoutError:
        raise StoppedError(f"The order did not come to an end in {_SECONDS} s.") from None
    if event.status != "completed":
        raise StoppedError(f"The order ended as {event.status}.")


async def _show_mails(shop: Shop, email: str, order: Order, story: Story) -> None:
    mails = await shop.mails_to(email)
    story.tell(f"The inbox at {shop.mail_url} holds {len(mails)} mails for {email}:")
    for mail in mails:
        story.tell(f"  {mail['From']['Address']}: {mail['Subject']}")
    about_it = [mail for mail in mails if f"order {order.number} " in mail["Subject"]]
    if len(about_it) != _WANTED_MAILS:
        raise StoppedError("Two should be about the order: the confirmation and the shipment.")


def main() -> int:
    story = Story()
    try:
        asyncio.run(visit(Shop.from_make_env(), story))
    except (StoppedError, OrderbaseError, aiohttp.ClientError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    story.tell("All of it happened.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
