"""Either kind of a project's keys: `sb_publishable_...` and `sb_secret_...`, or the older JWTs."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from orderbase import AsyncOrderbase, AuthError
from tests.conftest import Stack
from tests.sdk.conftest import Make
from tests.sdk.live import PATIENCE, Watching, create_product, place


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


@pytest.fixture(params=["new", "legacy"])
def keys(request: pytest.FixtureRequest, stack: Stack) -> tuple[str, str]:
    """A public key, and a server's."""
    names = {
        "new": ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY"),
        "legacy": ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    }
    public, secret = names[request.param]
    return stack.environment[public], stack.environment[secret]


@pytest.fixture
async def shopper(make: Make, stack: Stack, keys: tuple[str, str]) -> AsyncIterator[AsyncOrderbase]:
    async with make(stack.environment["SUPABASE_URL"], keys[0]) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


@pytest.fixture
async def server(make: Make, stack: Stack, keys: tuple[str, str]) -> AsyncIterator[AsyncOrderbase]:
    async with make(stack.environment["SUPABASE_URL"], keys[1]) as shop:
        yield shop


async def test_a_shopper_orders_and_hears_of_it(shopper: AsyncOrderbase, product: UUID) -> None:
    assert (await shopper.products.get(product)).id == product
    async with Watching().of(shopper, await shopper.orders.position()) as watching:
        order = await place(shopper, product)
        await watching.until_placed(order)
    assert [mine.id for mine in await shopper.orders.list()] == [order.id]
    await shopper.auth.token(rejected=await shopper.auth.token())
    await shopper.auth.sign_out()
    with pytest.raises(AuthError):
        await shopper.orders.list()


async def test_a_server_reads_and_hears_of_everybodys_orders(
    shopper: AsyncOrderbase, server: AsyncOrderbase, product: UUID
) -> None:
    assert server.auth.user is None
    async with Watching().of(server, await server.orders.position()) as watching:
        order = await place(shopper, product)
        await watching.until_placed(order)
    assert (await server.orders.get(order.id)).user_id == order.user_id
    assert order.id in {one.id for one in await server.orders.list()}
    first = await asyncio.wait_for(anext(server.orders.watch(order_id=order.id)), PATIENCE)
    assert (first.order_id, first.version) == (order.id, 1)


async def test_a_server_buys_only_as_one_of_its_users(
    shopper: AsyncOrderbase, server: AsyncOrderbase, product: UUID
) -> None:
    with pytest.raises(AuthError) as refusal:
        await place(server, product)
    assert refusal.value.code == "sign_in_required"
    theirs = server.as_user(await shopper.auth.token() or "")
    order = await place(theirs, product)
    assert [mine.id for mine in await theirs.orders.list()] == [order.id]
    other = await place(shopper, product)
    assert {mine.id for mine in await theirs.orders.list()} == {order.id, other.id}
