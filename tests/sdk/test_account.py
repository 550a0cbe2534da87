"""What people tell the shop about themselves."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest

from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
)
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import ADDRESS, PASSWORD, new_email
from tests.sdk.worlds import World

WORK = ADDRESS.model_copy(update={"line1": "Work St 2", "line2": "2nd floor", "country": "CH"})


@pytest.fixture
async def shop(open_shop: OpenShop, world: World) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a guest."""
    async with open_shop(world) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


async def in_order(shop: AsyncOrderbase) -> list[str]:
    return [kept.label for kept in await shop.account.addresses.list()]


async def test_people_say_what_they_are_called(shop: AsyncOrderbase) -> None:
    user = shop.auth.user
    assert user is not None
    profile = await shop.account.profile()
    assert (profile.user_id, profile.display_name) == (user.id, "")
    renamed = await shop.account.rename("Ada, Countess")
    assert renamed.display_name == "Ada, Countess"
    assert renamed.updated_at > profile.updated_at
    assert await shop.account.profile() == renamed
    with pytest.raises(InvalidRequest):
        await shop.account.rename("x" * 201)
    assert (await shop.account.rename("")).display_name == ""


async def test_people_say_which_mails_they_want(shop: AsyncOrderbase) -> None:
    account = shop.account
    wishes = await account.preferences()
    assert (wishes.newsletter, wishes.notifications) == (False, True)
    wishes = await account.update_preferences(newsletter=True)
    assert (wishes.newsletter, wishes.notifications) == (True, True)
    wishes = await account.update_preferences(notifications=False)
    assert (wishes.newsletter, wishes.notifications) == (True, False)
    assert await account.update_preferences() == await account.preferences() == wishes


async def test_an_address_is_kept_changed_and_removed(shop: AsyncOrderbase) -> None:
    book = shop.account.addresses
    assert await book.list() == []
    home = await book.add(ADDRESS, label="Home")
    assert (home.label, home.address, home.is_default) == ("Home", ADDRESS, False)
    work = await book.add(WORK)
    assert (work.label, work.address) == ("", WORK)
    assert await book.list() == [work, home]
    moved = await book.change(home.id, address=WORK)
    assert (moved.id, moved.label, moved.address) == (home.id, "Home", WORK)
    named = await book.change(str(home.id), label="Old home")
    assert (named.label, named.address) == ("Old home", WORK)
    assert await book.change(home.id) == named
    await book.remove(home.id)
    assert await book.list() == [work]


async def test_one_address_is_the_default_and_comes_first(shop: AsyncOrderbase) -> None:
    book = shop.account.addresses
    home = await book.add(ADDRESS, label="home", default=True)
    await book.add(WORK, label="work", default=True)
    await book.add(WORK, label="other")
    assert await in_order(shop) == ["work", "other", "home"]
    chosen = await book.set_default(home.id)
    assert chosen.is_default
    assert await in_order(shop) == ["home", "other", "work"]
    kept = await book.list()
    await asyncio.gather(*(book.set_default(one.id) for one in kept * 3))
    assert [one.is_default for one in await book.list()] == [True, False, False]


async def test_a_kept_address_is_ordered_to(world: World, shop: AsyncOrderbase) -> None:
    home = await shop.account.addresses.add(WORK)
    order = await shop.orders.place(
        {world.create_product(stock=1): 1},
        shipping_address=home.address,
        payment_method="pm_card_visa",
        email="ada@example.com",
    )
    assert order.shipping_address == WORK


async def test_an_address_that_cannot_be_ordered_to_is_not_kept(shop: AsyncOrderbase) -> None:
    book = shop.account.addresses
    kept = await book.add(ADDRESS)
    nowhere = ADDRESS.model_copy(update={"city": " "})
    for attempt in (book.add(nowhere), book.change(kept.id, address=nowhere)):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == "invalid_address"
        assert refusal.value.context == {"field": "city"}
    with pytest.raises(InvalidRequest) as refusal:
        await book.add(ADDRESS, label="two\nlines")
    assert refusal.value.code == "invalid_label"
    assert await book.list() == [kept]


async def test_a_full_address_book_says_so(shop: AsyncOrderbase) -> None:
    book = shop.account.addresses
    await asyncio.gather(*(book.add(ADDRESS) for _ in range(50)))
    with pytest.raises(Conflict) as refusal:
        await book.add(ADDRESS)
    assert refusal.value.code == "too_many_addresses"
    assert len(await book.list()) == 50


async def test_nobody_touches_anothers_addresses(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase
) -> None:
    home = await shop.account.addresses.add(ADDRESS, default=True)
    async with open_shop(world) as other, open_shop(world) as back_office:
        await other.auth.sign_in_as_guest()
        await back_office.auth.sign_in(**world.staff)
        for stranger in (other, back_office):
            book = stranger.account.addresses
            assert home not in await book.list()
            for attempt in (
                book.change(home.id, label="mine"),
                book.change(home.id),
                book.remove(home.id),
                book.set_default(home.id),
                book.remove(uuid4()),
            ):
                with pytest.raises(NotFound) as refusal:
                    await attempt
                assert refusal.value.code == "address_not_found"
    assert await shop.account.addresses.list() == [home]
    with pytest.raises(InvalidRequest) as wrong:
        await shop.account.addresses.remove("home")
    assert wrong.value.code == "invalid_address_id"


async def test_a_guest_keeps_everything_as_an_account(shop: AsyncOrderbase) -> None:
    home = await shop.account.addresses.add(ADDRESS, default=True)
    await shop.account.rename("Ada")
    await shop.auth.become_account(email=new_email(), password=PASSWORD)
    assert await shop.account.addresses.list() == [home]
    assert (await shop.account.profile()).display_name == "Ada"


async def test_nobody_has_no_account(open_shop: OpenShop, world: World) -> None:
    async with open_shop(world) as shop:
        account = shop.account
        for attempt in (
            account.profile(),
            account.rename("x"),
            account.preferences(),
            account.update_preferences(newsletter=True),
            account.addresses.list(),
            account.addresses.add(ADDRESS),
            account.addresses.change(uuid4(), label="x"),
            account.addresses.remove(uuid4()),
            account.addresses.set_default(uuid4()),
        ):
            with pytest.raises(AuthError):
                await attempt


async def test_an_account_that_is_gone_is_not_found(open_shop: OpenShop, stack: Stack) -> None:
    async with open_shop(stack) as shop:
        user = await shop.auth.sign_in_as_guest()
        await delete(stack, user.id)
        for attempt in (
            shop.account.profile(),
            shop.account.rename("x"),
            shop.account.update_preferences(newsletter=True),
        ):
            with pytest.raises(NotFound) as refusal:
                await attempt
            assert refusal.value.code == "user_not_found"


async def delete(stack: Stack, user_id: UUID) -> None:
    """As an operator deletes somebody."""
    async with httpx.AsyncClient() as http:
        key = stack.environment["SUPABASE_SECRET_KEY"]
        url = f"{stack.environment['SUPABASE_URL']}/auth/v1/admin/users/{user_id}"
        answer = await http.delete(url, headers={"apikey": key, "authorization": f"Bearer {key}"})
        answer.raise_for_status()


SESSION = {
    "access_token": "e30.eyJzdWIiOiIwIn0.c2ln", "refresh_token": "r", "expires_in": 3600,
    "user": {"id": str(uuid4()), "email": None, "is_anonymous": True, "app_metadata": {}},
}  # fmt: skip


async def test_what_would_count_twice_is_sent_once(shop_over: OpenShop) -> None:
    """An address that is added twice is two; one that is removed twice is an error."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if "/auth/" in request.url.path:
            return httpx.Response(200, json=SESSION)
        sent.append(request.method)
        raise httpx.ConnectError("lost")

    async with shop_over(answer, retries=2) as shop:
        await shop.auth.sign_in_as_guest()
        book = shop.account.addresses
        for attempt, methods in (
            (book.add(ADDRESS), ["POST"]),
            (book.remove(uuid4()), ["DELETE"]),
            (book.change(uuid4(), label="x"), ["PATCH"] * 3),
        ):
            with pytest.raises(ConnectionFailed):
                await attempt
            assert sent == methods
            sent.clear()
