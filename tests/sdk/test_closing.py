"""A client that is closed: nothing is sent, and what was going on has ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from orderbase import AsyncOrderbase, FeedEvent, Request, Response, tables
from orderbase._realtime import Listener
from tests.sdk.conftest import Make
from tests.sdk.feed_server import FeedServer
from tests.sdk.server import HandlerTransport
from tests.sdk.test_auth import access_token
from tests.waiting import until

SOON = 10.0
NEVER = 3600.0
START = "0-0"

Use = Callable[[AsyncOrderbase], Awaitable[object]]
USES: list[Use] = [
    lambda shop: shop.products.list(),
    lambda shop: shop.products.get("cup"),
    lambda shop: shop.orders.position(),
    lambda shop: shop.account.profile(),
    lambda shop: shop.auth.sign_in(email="ada@example.com", password="word"),  # noqa: S106
    lambda shop: shop.staff.orders.list(),
    lambda shop: shop.rows(tables.Products).all(),
    lambda shop: shop.verb("order_counts", {}, dict[str, int]),
    lambda shop: anext(aiter(shop.products.each())),
    lambda shop: anext(shop.orders.watch()),
    lambda shop: anext(shop.orders.watch(after=START)),
    lambda shop: shop.orders.watch(after=START).__aenter__(),
    lambda shop: shop.orders.on_change(_ignore, after=START),
]


class Carrier(HandlerTransport):
    """Counts what it carries, and how often it is closed."""

    def __init__(self) -> None:
        self.server = FeedServer()
        super().__init__(self.server)
        self.carried = 0
        self.closed = 0

    async def send(self, request: Request) -> Response:
        self.carried += 1
        return await super().send(request)

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hear_nothing(_: Listener) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listener, "run", hear_nothing)


def _ignore(_: FeedEvent) -> None:
    pass


@pytest.mark.parametrize("use", USES)
async def test_a_closed_client_refuses_every_use(make: Make, use: Use) -> None:
    carrier = Carrier()
    async with make("http://shop.test", "key", transport=carrier) as shop:
        await shop.orders.position()
    with pytest.raises(RuntimeError, match=r"^This client is closed\.$"):
        await use(shop)
    assert (carrier.carried, carrier.closed) == (1, 1)


@pytest.mark.parametrize("use", USES)
async def test_who_shares_a_closed_clients_connections_is_refused_too(make: Make, use: Use) -> None:
    carrier = Carrier()
    async with make("http://shop.test", "key", transport=carrier) as shop:
        child = shop.as_user(access_token())
        await child.aclose()
        await child.orders.position()
        assert carrier.closed == 0
    with pytest.raises(RuntimeError, match=r"^This client is closed\.$"):
        await use(child)
    assert (carrier.carried, carrier.closed) == (1, 1)


async def test_a_watch_ends_with_its_client(make: Make) -> None:
    carrier = Carrier()
    carrier.server.happen(3)
    async with make("http://shop.test", "key", transport=carrier) as shop:
        events = shop.orders.watch(after=START, poll_every=NEVER)
        assert (await anext(events)).position == "1-1"
    await _ended(events)
    assert events.position == "1-1"


async def test_a_watch_that_waits_ends_with_its_client(make: Make) -> None:
    carrier = Carrier()
    async with make("http://shop.test", "key", transport=carrier) as shop:
        events = shop.orders.watch(after=START, poll_every=NEVER)
        waiting = asyncio.ensure_future(_ended(events))

        async def has_read() -> int:
            return len(carrier.server.reads)

        await until(has_read)
    await waiting


async def _ended(events: AsyncIterator[FeedEvent]) -> None:
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(events), SOON)
