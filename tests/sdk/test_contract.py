"""The shop's rules, as a client meets them: so the fake has the same as the stack."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    FeedEvent,
    InvalidRequest,
    Item,
    Money,
    NotFound,
    Order,
    RateLimited,
    tables,
)
from orderbase.rows import Table
from orderbase.schema import PublicAddressesInsert
from tests.sdk.conftest import OpenShop
from tests.sdk.live import ADDRESS, PASSWORD, PATIENCE, new_email, place
from tests.sdk.worlds import NOT_CONFIRMED, World


@pytest.fixture
def product(world: World) -> UUID:
    return world.create_product(stock=1000, prices={"US": Money(1500, "USD")})


@pytest.fixture
async def shop(open_shop: OpenShop, world: World) -> AsyncIterator[AsyncOrderbase]:
    """A shop with an account."""
    async with open_shop(world) as shop:
        await shop.auth.sign_up(email=new_email(), password=PASSWORD)
        yield shop


async def place_at(
    shop: AsyncOrderbase, product: UUID, payment_method: str = "pm_card_visa", **changes: str | None
) -> Order:
    return await shop.orders.place(
        {product: 1},
        shipping_address=ADDRESS.model_copy(update=changes),
        payment_method=payment_method,
    )


async def story(shop: AsyncOrderbase, order: Order, last: str) -> list[FeedEvent]:
    """The order's events up to the first of this type."""
    events: list[FeedEvent] = []
    async with asyncio.timeout(PATIENCE), shop.orders.watch(order_id=order.id) as watch:
        async for event in watch:
            events.append(event)
            if event.type == last:
                break
    return events


def told(events: list[FeedEvent]) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(e.type, e.status, e.version, tuple(sorted(e.data))) for e in events]


async def test_an_order_is_paid_shipped_and_completed(shop: AsyncOrderbase, product: UUID) -> None:
    order = await place(shop, product)
    events = await story(shop, order, "order.completed")
    assert told(events) == [
        ("order.placed", "placed", 1, ()),
        ("order.paid", "paid", 2, ()),
        ("order.shipped", "shipped", 3, ("carrier", "tracking_number")),
        ("order.completed", "completed", 4, ()),
    ]
    assert [event.version for event in await shop.orders.events(order.id)] == [1, 2, 3, 4]
    with pytest.raises(Conflict) as refusal:
        await shop.orders.cancel(order.id)
    assert refusal.value.context == {"status": "completed"}
    sold = await shop.products.get(product)
    assert (sold.inventory.on_hand, sold.inventory.reserved) == (999, 0)


DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "Your card was declined."),
    "pm_card_visa_chargeDeclined": ("card_declined", "Your card was declined."),
    "pm_card_chargeDeclinedInsufficientFunds": (
        "card_declined",
        "Your card has insufficient funds.",
    ),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "Your card has expired."),
    "pm_card_chargeDeclinedIncorrectCvc": (
        "incorrect_cvc",
        "Your card's security code is incorrect.",
    ),
    "pm_card_threeDSecureRequiredProcessingError": ("card_declined", "Your card was declined."),
    "pm_there_is_none": ("resource_missing", "No such PaymentMethod: 'pm_there_is_none'"),
}


@pytest.mark.parametrize("card", DECLINES)
async def test_a_refused_card_fails_the_order(
    shop: AsyncOrderbase, product: UUID, card: str
) -> None:
    order = await place_at(shop, product, card)
    events = await story(shop, order, "order.payment_failed")
    assert told(events[1:]) == [
        ("order.payment_failed", "payment_failed", 2, ("failure_code", "failure_message"))
    ]
    failed = await shop.orders.get(order.id)
    code, message = DECLINES[card]
    assert (failed.failure_code, failed.failure_message) == (code, message)
    assert events[1].data == {"failure_code": code, "failure_message": message}
    assert (await shop.products.get(product)).available == 1000


async def test_a_bank_asks_and_the_shopper_gives_up(shop: AsyncOrderbase, product: UUID) -> None:
    order = await place_at(shop, product, "pm_card_authenticationRequired")
    await story(shop, order, "order.payment_action_required")
    assert (await shop.orders.get(order.id)).status == "placed"
    assert (await shop.orders.cancel(order.id)).ending == "cancelled"
    assert told((await story(shop, order, "order.cancelled"))[1:]) == [
        ("order.payment_action_required", "placed", 2, ()),
        ("order.cancel_requested", "placed", 3, ()),
        ("order.cancelled", "cancelled", 4, ("refunded",)),
    ]
    cancelled = await shop.orders.cancel(order.id)
    assert (cancelled.status, cancelled.ending) == ("cancelled", None)
    assert (await shop.products.get(product)).available == 1000


async def test_a_bank_asks_and_the_shopper_confirms(
    shop: AsyncOrderbase, world: World, product: UUID
) -> None:
    order = await place_at(shop, product, "pm_card_authenticationRequired")
    await story(shop, order, "order.payment_action_required")
    payment = await shop.orders.payment(order.id)
    assert (payment.status, payment.provider) == ("requires_action", "stripe")
    assert (payment.amount, payment.captured) == (order.total, Money(0, "EUR"))
    assert payment.client_secret is not None
    assert payment.client_secret.get_secret_value().startswith(f"{payment.reference}_secret_")
    assert payment.client_secret.get_secret_value() not in f"{payment!r} {payment}"
    await world.answer_bank(payment, agree=True)
    await story(shop, order, "order.completed")
    paid = await shop.orders.payment(order.id)
    assert (paid.id, paid.status, paid.client_secret) == (payment.id, "succeeded", None)
    assert (paid.captured, paid.refunded) == (order.total, Money(0, "EUR"))


async def test_a_bank_asks_and_the_shopper_fails(
    shop: AsyncOrderbase, world: World, product: UUID
) -> None:
    order = await place_at(shop, product, "pm_card_authenticationRequired")
    await story(shop, order, "order.payment_action_required")
    await world.answer_bank(await shop.orders.payment(order.id), agree=False)
    *_, failed = await story(shop, order, "order.payment_failed")
    assert failed.data["failure_code"] == NOT_CONFIRMED
    payment = await shop.orders.payment(order.id)
    assert (payment.status, payment.failure_code) == ("failed", NOT_CONFIRMED)
    assert payment.client_secret is None


async def test_only_its_buyer_and_staff_see_a_payment(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place_at(shop, product, "pm_card_authenticationRequired")
    await story(shop, order, "order.payment_action_required")
    payment = await shop.orders.payment(order.id)
    async with open_shop(world) as other:
        await other.auth.sign_in_as_guest()
        with pytest.raises(NotFound) as refusal:
            await other.orders.payment(order.id)
        assert refusal.value.code == "order_not_found"
        await other.auth.sign_in(**world.staff)
        (theirs,) = await other.staff.orders.payments(order.id)
    assert (theirs.id, theirs.client_secret) == (payment.id, None)


async def test_an_order_may_have_no_payment(shop: AsyncOrderbase, product: UUID) -> None:
    order = await place_at(shop, product, "pm_there_is_none")
    await story(shop, order, "order.payment_failed")
    with pytest.raises(NotFound) as refusal:
        await shop.orders.payment(order.id)
    assert refusal.value.code == "payment_not_found"


async def test_the_country_of_delivery_decides_the_price(
    shop: AsyncOrderbase, product: UUID
) -> None:
    assert (await place_at(shop, product, country="US")).total == Money(1500, "USD")
    assert (await place_at(shop, product, country="FR")).total == Money(1250, "EUR")
    with pytest.raises(InvalidRequest) as refusal:
        await shop.orders.place(
            {product: 1},
            shipping_address=ADDRESS.model_copy(update={"country": "US"}),
            payment_method="pm_card_visa",
            currency="EUR",
        )
    assert refusal.value.context == {"currency": "USD", "total": 1500}


async def test_products_of_two_currencies_are_no_basket(
    shop: AsyncOrderbase, world: World, product: UUID
) -> None:
    there = ADDRESS.model_copy(update={"country": "US"})
    with pytest.raises(InvalidRequest) as refusal:
        await shop.orders.place(
            {product: 1, world.create_product(stock=1): 1},
            shipping_address=there,
            payment_method="pm_card_visa",
        )
    assert refusal.value.code == "mixed_currencies"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("city", " \u2003\u00a0"),
        ("line1", "x" * 201),
        ("line1", "Main\nStreet"),
        ("region", "\u202eright to left"),
        ("country", "de"),
        ("country", "DEU"),
    ],
)
async def test_an_address_is_a_line_each(
    shop: AsyncOrderbase, product: UUID, field: str, value: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await place_at(shop, product, **{field: value})
    assert (refusal.value.code, refusal.value.context) == ("invalid_address", {"field": field})


async def test_addresses_need_no_ascii(shop: AsyncOrderbase, product: UUID) -> None:
    order = await place_at(shop, product, name="Zoë Łoś", region="", line2="Étage 2 ☂")
    assert order.shipping_address.name == "Zoë Łoś"


async def test_a_basket_has_limits(shop: AsyncOrderbase, product: UUID) -> None:
    async def refused(items: list[Item]) -> tuple[str | None, object]:
        with pytest.raises(InvalidRequest) as refusal:
            await shop.orders.place(items, shipping_address=ADDRESS, payment_method="pm_card_visa")
        return refusal.value.code, refusal.value.context

    assert await refused([Item(product)] * 101) == ("too_many_items", {})
    assert await refused([Item(product, 600)] * 2) == ("invalid_quantity", {})
    assert await refused([Item(product), Item(product, 1001)]) == (
        "invalid_quantity",
        {"item": 2, "product_id": str(product)},
    )
    stranger = uuid4()
    assert await refused([Item(stranger)]) == (
        "unknown_product",
        {"product_ids": [str(stranger)]},
    )


async def test_a_product_that_is_named_twice_is_one_line(
    shop: AsyncOrderbase, product: UUID
) -> None:
    order = await shop.orders.place(
        [Item(product, 2), Item(str(product).upper(), 3)],
        shipping_address=ADDRESS,
        payment_method="pm_card_visa",
    )
    (line,) = (await shop.orders.get(order.id)).items
    assert line.quantity == 5


async def test_an_account_orders_under_its_own_address(shop: AsyncOrderbase, product: UUID) -> None:
    user = shop.auth.user
    assert user is not None
    assert (await place(shop, product)).email == user.email
    with pytest.raises(InvalidRequest) as refusal:
        await shop.orders.place(
            {product: 1},
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            email="other@example.com",
        )
    assert refusal.value.code == "invalid_email"


async def test_a_guest_places_ten_orders_an_hour(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world, retries=0) as shop:
        await shop.auth.sign_in_as_guest()
        for _ in range(10):
            await place(shop, product)
        with pytest.raises(RateLimited) as refusal:
            await place(shop, product)
    assert refusal.value.code == "too_many_orders"


async def test_a_token_whose_session_is_over_reads_and_orders_nothing(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world) as server, open_shop(world) as browser:
        await browser.auth.sign_up(email=new_email(), password=PASSWORD)
        token = await browser.auth.token()
        assert token is not None
        shop = server.as_user(token)
        await browser.auth.sign_out()
        assert await shop.orders.list() == []
        with pytest.raises(AuthError) as refusal:
            await place(shop, product)
    assert refusal.value.code == "sign_in_required"


async def test_whoever_is_not_signed_in_is_told_to(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world) as shop:
        for attempt in (
            place(shop, product),
            shop.orders.quote({product: 1}, country="DE"),
            shop.orders.list(),
            shop.orders.position(),
            anext(shop.orders.watch()),
            shop.account.profile(),
            shop.rows(tables.Addresses).all(),
        ):
            with pytest.raises(AuthError) as refusal:
                await attempt
            assert refusal.value.code == "sign_in_required"


async def test_a_token_that_was_changed_is_none(open_shop: OpenShop, world: World) -> None:
    async with open_shop(world) as shop:
        await shop.auth.sign_in_as_guest()
        head, payload, signature = (await shop.auth.token() or "").split(".")
        forged = shop.as_user(f"{head}.{payload}.{signature[::-1]}")
        with pytest.raises(AuthError) as refusal:
            await forged.orders.list()
    assert refusal.value.code == "bad_jwt"


async def test_a_guest_stays_until_the_session_is_over(open_shop: OpenShop, world: World) -> None:
    async with open_shop(world) as shop:
        guest = await shop.auth.sign_in_as_guest()
        assert await shop.auth.sign_in_as_guest() == guest
        await shop.as_user(await shop.auth.token() or "").auth.sign_out()
        assert (await shop.auth.sign_in_as_guest()).id != guest.id
        assert (await shop.account.profile()).user_id == shop.auth.user.id  # type: ignore[union-attr]  # somebody is signed in


async def test_visitors_of_one_client_are_strangers(open_shop: OpenShop, world: World) -> None:
    email = new_email()
    async with open_shop(world) as shop:
        visitor, other = shop.with_session(), shop.with_session()
        await visitor.auth.sign_up(email=email, password=PASSWORD)
        await other.auth.sign_in(email=email, password=PASSWORD)
        assert visitor.auth.user == other.auth.user
        assert await visitor.auth.token() != await other.auth.token()
        assert shop.auth.user is None


async def test_a_session_gets_new_tokens(shop: AsyncOrderbase, product: UUID) -> None:
    user = shop.auth.user
    first = await shop.auth.token()
    assert await shop.auth.token(rejected=first) != first
    assert shop.auth.user == user
    await place(shop, product)


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        ("ada@example.com", "short", "weak_password"),
        ("no address", PASSWORD, "validation_failed"),
    ],
)
async def test_what_auth_takes(
    open_shop: OpenShop, world: World, email: str, password: str, code: str
) -> None:
    async with open_shop(world) as shop:
        with pytest.raises(InvalidRequest) as refusal:
            await shop.auth.sign_up(email=email, password=password)
    assert refusal.value.code == code


async def test_an_address_has_one_account(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase
) -> None:
    user = shop.auth.user
    assert user is not None
    assert user.email is not None
    async with open_shop(world) as other:
        await other.auth.sign_in_as_guest()
        with pytest.raises(Conflict) as refusal:
            await other.auth.become_account(email=user.email.upper(), password=PASSWORD)
    assert refusal.value.code == "email_exists"


async def test_a_code_works_once(open_shop: OpenShop, world: World) -> None:
    email = new_email()
    async with open_shop(world) as shop:
        await shop.auth.send_code(email=email)
        code = await world.code_mailed_to(email)
        user = await shop.auth.sign_in_with_code(email=email, code=code)
        with pytest.raises(AuthError):
            await shop.auth.sign_in_with_code(email=email, code=code)
        assert shop.auth.user == user


SEARCHES = {
    "plate": {"stoneware-plate"},
    "plates": {"stoneware-plate"},
    "STONEWARE": {"stoneware-plate", "stoneware-bowl"},
    "stoneware bowl": {"stoneware-bowl"},
    "stoneware -bowl": {"stoneware-plate"},
    "plate or bowl": {"stoneware-plate", "stoneware-bowl"},
    '"stoneware plate"': {"stoneware-plate"},
    '"plate stoneware"': set[str](),
    "oiled": {"oak-cutting-board"},
    "a board of oak": {"oak-cutting-board"},
    "knives": set[str](),
    "knife bread": {"bread-knife"},
    "the": set[str](),
}
SLUGS = {"stoneware-plate", "stoneware-bowl", "oak-cutting-board", "chefs-knife", "bread-knife"}


@pytest.mark.parametrize("search", SEARCHES)
async def test_searching_finds_words(open_shop: OpenShop, world: World, search: str) -> None:
    async with open_shop(world) as shop:
        found = await shop.products.list(search=search, limit=1000)
    assert {product.slug for product in found} & SLUGS == SEARCHES[search]


@pytest.mark.parametrize("blank", ["", " ", "\t\n", None])
async def test_a_blank_search_asks_for_nothing(
    open_shop: OpenShop, world: World, blank: str | None
) -> None:
    async with open_shop(world) as shop:
        everything = await shop.products.list(limit=3)
        assert len(everything) == 3
        assert await shop.products.list(search=blank, limit=3) == everything
        assert await anext(aiter(shop.products.each(search=blank))) == everything[0]


async def test_products_are_narrowed_and_sorted(open_shop: OpenShop, world: World) -> None:
    async with open_shop(world) as shop:
        low, high = Money(1700, "EUR"), Money(5000, "EUR")
        found = await shop.products.list(
            price_at_least=low, price_at_most=high, order_by="dearest", limit=1000
        )
        prices = [product.price for product in found]
        assert prices == sorted(prices, reverse=True)
        assert low <= min(prices) <= max(prices) <= high
        assert {"bread-knife", "stoneware-plate"} <= {product.slug for product in found}
        newest = await shop.products.list(order_by="newest", limit=2)
        assert newest[0].created_at >= newest[1].created_at


async def test_what_is_sold_out_is_left_out(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase
) -> None:
    rare = world.create_product(stock=1)
    assert rare in {product.id for product in await shop.products.list(in_stock=True, limit=1000)}
    await place(shop, rare)
    left = await shop.products.list(in_stock=True, limit=1000)
    assert rare not in {product.id for product in left}
    assert rare in {product.id for product in await shop.products.list(limit=1000)}


async def test_orders_are_narrowed_and_sorted(shop: AsyncOrderbase, product: UUID) -> None:
    small, large = [await place(shop, product, quantity) for quantity in (1, 3)]
    abroad = await place_at(shop, product, country="US")
    for order in (small, large, abroad):
        await story(shop, order, "order.completed")

    async def found(**wanted: object) -> list[UUID]:
        return [order.id for order in await shop.orders.list(**wanted)]  # type: ignore[arg-type]

    assert await found(order_by="oldest") == [small.id, large.id, abroad.id]
    assert await found(order_by="dearest") == [large.id, small.id, abroad.id]
    assert await found(currency="USD") == [abroad.id]
    assert await found(number=large.number) == [large.id]
    assert await found(id_prefix=large.id.hex[:12]) == [large.id]
    assert await found(order_ids=[small.id, abroad.id, uuid4()]) == [abroad.id, small.id]
    assert await found(total_at_least=Money(1251, "EUR")) == [large.id]
    assert await found(total_at_most=Money(1250, "EUR")) == [small.id]
    assert await found(placed_since=large.created_at) == [abroad.id, large.id]
    assert await found(placed_before=large.created_at) == [small.id]
    assert await found(statuses=["completed", "shipped"]) == [abroad.id, large.id, small.id]
    assert await found(statuses=["cancelled"]) == []
    assert await found(statuses=[]) == []


@pytest.mark.parametrize(
    "table",
    [
        tables.Addresses,
        tables.Inventory,
        tables.OrderEvents,
        tables.OrderItems,
        tables.Orders,
        tables.Payments,
        tables.Preferences,
        tables.ProductPrices,
        tables.Products,
        tables.Profiles,
        tables.Refunds,
        tables.Shipments,
    ],
)
async def test_rows_are_whole(
    shop: AsyncOrderbase, product: UUID, table: type[Table[Any, Any, Any]]
) -> None:
    await shop.account.addresses.add(ADDRESS)
    order = await place(shop, product)
    await story(shop, order, "order.completed")
    query = shop.rows(table).limit(2)
    assert len(await query.all()) <= min(2, await query.count())


async def test_rows_are_added_all_or_none(shop: AsyncOrderbase) -> None:
    addresses, home = shop.rows(tables.Addresses), ADDRESS.model_dump(exclude_none=True)
    added = await addresses.insert(
        {"address": home, "label": "home", "is_default": True},
        {"address": home, "label": "work", "is_default": True},
        {"address": home},
    )
    assert [row.label for row in added] == ["home", "work", ""]
    kept = await shop.account.addresses.list()
    assert [one.label for one in kept if one.is_default] == ["work"]
    with pytest.raises(InvalidRequest) as refusal:
        await addresses.insert({"address": home}, {"address": {}})
    assert refusal.value.code == "invalid_address"
    another: PublicAddressesInsert = {"address": home}
    with pytest.raises(Conflict) as full:
        await addresses.insert(*[another] * 48)
    assert full.value.code == "too_many_addresses"
    assert await addresses.count() == 3


async def test_a_quote_holds(shop: AsyncOrderbase, product: UUID) -> None:
    quote = await shop.orders.quote({product: 2}, country="US")
    assert quote.total == Money(3000, "USD")
    assert timedelta() < quote.expires_at - datetime.now(UTC) <= timedelta(minutes=15)
    there = ADDRESS.model_copy(update={"country": "US"})

    async def order(quantity: int, token: str) -> Order:
        return await shop.orders.place(
            {product: quantity},
            shipping_address=there,
            payment_method="pm_card_visa",
            quote=token,
        )

    placed = await order(2, quote.token)
    assert placed.total == quote.total
    (first, *_) = await shop.orders.events(placed.id)
    assert list(first.data) == ["quote"]
    with pytest.raises(Conflict) as mismatch:
        await order(3, quote.token)
    assert mismatch.value.context == {"differs": "items"}
    with pytest.raises(InvalidRequest) as invalid:
        await order(2, "nothing")
    assert invalid.value.code == "invalid_quote"


async def test_staff_give_money_back(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place(shop, product)
    await story(shop, order, "order.completed")
    async with open_shop(world) as back_office:
        await back_office.auth.sign_in(**world.staff)
        orders = back_office.staff.orders
        with pytest.raises(Conflict) as refusal:
            await orders.ship(order.id, carrier="dhl", tracking_number=f"JD{uuid4().hex}")
        assert refusal.value.code == "order_not_shippable"
        part = await orders.refund(order.id, amount=Money(250, "EUR"), reason="a scratch")
        assert (part.amount, part.revision) == (Money(250, "EUR"), 1)
        await story(shop, order, "order.refund_completed")
        with pytest.raises(InvalidRequest) as too_much:
            await orders.refund(order.id, amount=Money(1001, "EUR"), reason="more")
        assert too_much.value.context == {"refundable": 1000, "currency": "EUR"}
        with pytest.raises(InvalidRequest) as other:
            await orders.refund(order.id, amount=Money(1, "USD"), reason="more")
        assert other.value.context == {"currency": "EUR"}
        await orders.refund(order.id, amount=None, reason="broken")
    events = await story(shop, order, "order.refunded")
    assert told(events[4:]) == [
        ("order.refund_due", "completed", 5, ("amount", "reason", "refund_id")),
        ("order.refund_completed", "completed", 6, ("amount", "currency", "full", "refund_id")),
        ("order.refund_due", "completed", 7, ("amount", "reason", "refund_id")),
        ("order.refund_completed", "completed", 8, ("amount", "currency", "full", "refund_id")),
        ("order.refunded", "refunded", 9, ("refunded",)),
    ]
    assert events[-1].data == {"refunded": 1250}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.com", "x" * 73),
        (f"{'a' * 250}@example.com", PASSWORD),
        ("a,b@example.com", PASSWORD),
        ("zoë@example.com", PASSWORD),
    ],
)
async def test_accounts_have_limits(
    open_shop: OpenShop, world: World, email: str, password: str
) -> None:
    async with open_shop(world) as shop:
        with pytest.raises(InvalidRequest) as refusal:
            await shop.auth.sign_up(email=email, password=password)
    assert (refusal.value.code, refusal.value.status) == ("validation_failed", 400)


async def test_addresses_are_kept_in_lower_case(open_shop: OpenShop, world: World) -> None:
    email = new_email()
    async with open_shop(world) as shop:
        user = await shop.auth.sign_up(email=email.upper(), password=PASSWORD)
        assert user.email == email
        with pytest.raises(Conflict):
            await shop.auth.sign_up(email=email, password=PASSWORD)


async def test_a_code_that_is_none_is_refused_as_such(open_shop: OpenShop, world: World) -> None:
    async with open_shop(world) as shop:
        for email, code in ((new_email(), ""), ("nobody", "123456")):
            with pytest.raises(InvalidRequest) as refusal:
                await shop.auth.sign_in_with_code(email=email, code=code)
            assert refusal.value.code == "validation_failed"


@pytest.mark.parametrize(("text", "code"), [("a\0b", "22P05"), ("a\ud800", "PGRST102")])
async def test_text_that_cannot_be_kept_is_refused(
    shop: AsyncOrderbase, product: UUID, text: str, code: str
) -> None:
    for refused in (shop.account.rename(text), place_at(shop, product, name=text)):
        with pytest.raises(InvalidRequest) as refusal:
            await refused
        assert refusal.value.code == code
    assert (await shop.account.rename("a\\u0000b")).display_name == "a\\u0000b"
