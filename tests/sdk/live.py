"""What the live tests share: a product of their own, shoppers, and a line that can be cut."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg

from local_stack.settings import REPOSITORY
from orderbase import Address, AsyncOrderbase, FeedEvent, Order
from tests.conftest import Stack

README = REPOSITORY / "client_sdk" / "README.md"
ADDRESS = Address(name="Ada", line1="Main St 1", city="Berlin", postal_code="10115", country="DE")
PASSWORD = "correct horse 1"  # noqa: S105 - of accounts that live as long as a test
PATIENCE = 60.0
# So long that whatever arrives in time was not found by the timer.
NEVER = 3600.0


def new_email() -> str:
    return f"{uuid4()}@example.com"


def first_example(stack: Stack) -> str:
    """The program that the README begins with, for this stack."""
    example = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert example is not None
    program = example[1].replace("http://127.0.0.1:54321", stack.environment["SUPABASE_URL"])
    return program.replace("sb_publishable_...", stack.environment["SUPABASE_PUBLISHABLE_KEY"])


def create_product(stack: Stack, *, stock: int) -> UUID:
    """A product of the test's own, for 12.50 EUR."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "insert into products (slug, name, price, currency) "
            "values (%s, 'Cup', 1250, 'EUR') returning id",
            (f"cup-{uuid4()}",),
        ).fetchone()
        assert row is not None
        connection.execute(
            "insert into stock_movements (product_id, kind, on_hand_change, reserved_change) "
            "values (%s, 'received', %s, 0)",
            (row[0], stock),
        )
    return UUID(str(row[0]))


async def place(shop: AsyncOrderbase, product: UUID, quantity: int = 1) -> Order:
    user = shop.auth.user
    return await shop.orders.place(
        {product: quantity},
        shipping_address=ADDRESS,
        payment_method="pm_card_visa",
        email="ada@example.com" if user and user.is_guest else None,
    )


class Watching:
    """Collects the events of a watch in the background."""

    def __init__(self) -> None:
        self.events: list[FeedEvent] = []
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def of(self, shop: AsyncOrderbase, after: str) -> AsyncIterator["Watching"]:
        task = asyncio.create_task(self._collect(shop, after))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _collect(self, shop: AsyncOrderbase, after: str) -> None:
        async for event in shop.orders.watch(after=after, poll_every=NEVER):
            async with self._more:
                self.events.append(event)
                self._more.notify_all()

    def placed(self) -> set[UUID]:
        return {event.order_id for event in self.events if event.type == "order.placed"}

    async def until_placed(self, *orders: Order) -> None:
        """Return when all of these orders were seen."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: {order.id for order in orders} <= self.placed())


class Line:
    """A TCP proxy in front of the stack, whose connections can be cut."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self.accepted = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Break all connections, without a goodbye."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Nothing gets through any more on the connections there are, and nobody is told."""
        self._frozen |= self._writers

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        far_reader, far_writer = await asyncio.open_connection(
            self._target.hostname, self._target.port
        )
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if writer not in self._frozen:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
