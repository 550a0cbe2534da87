"""Stock: received and adjusted once per key, listed, and never below what is promised."""

import asyncio
from uuid import UUID, uuid4

import pytest

from orderbase import Conflict, IdempotencyMismatch, InvalidRequest, NotFound
from orderbase.staff import AsyncStaff
from tests.conftest import Stack
from tests.sdk.conftest import Make, OpenShop
from tests.sdk.live import create_product, place


@pytest.fixture
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=10)


async def test_goods_come_in_once_for_each_key(staff: AsyncStaff, product: UUID) -> None:
    key = uuid4()
    moves = [
        staff.stock.receive(product, 5, note="Pallet 7", idempotency_key=key) for _ in range(4)
    ]
    first, *others = await asyncio.gather(*moves)
    assert others == [first] * 3
    assert (first.product_id, first.kind, first.on_hand_change) == (product, "received", 5)
    assert (first.note, first.idempotency_key, first.order_id) == ("Pallet 7", key, None)
    level = await staff.stock.get(product)
    assert (level.product_id, level.on_hand, level.reserved, level.available) == (
        product,
        15,
        0,
        15,
    )
    with pytest.raises(IdempotencyMismatch):
        await staff.stock.receive(product, 6, note="Pallet 7", idempotency_key=key)
    with pytest.raises(IdempotencyMismatch):
        await staff.stock.adjust(product, 5, note="Pallet 7", idempotency_key=key)
    assert (await staff.stock.get(product)).on_hand == 15


async def test_without_a_key_each_call_is_a_movement(staff: AsyncStaff, product: UUID) -> None:
    first, second = [await staff.stock.receive(product, 1) for _ in range(2)]
    assert first.idempotency_key != second.idempotency_key
    assert (await staff.stock.get(product)).on_hand == 12


async def test_no_more_goes_than_is_there(staff: AsyncStaff, product: UUID) -> None:
    level = await staff.stock.get(product)
    with pytest.raises(Conflict) as refusal:
        await staff.stock.adjust(product, -11, note="Nothing is there.")
    assert refusal.value.code == "stock_reserved"
    assert refusal.value.context == {"on_hand": 10, "reserved": 0, "available": 10}
    movement = await staff.stock.adjust(product, -10, note="Nothing is there.")
    assert (movement.kind, movement.on_hand_change, movement.reserved_change) == (
        "adjusted", -10, 0,
    )  # fmt: skip
    assert (await staff.stock.get(product)).available == 0 < level.available


async def test_movements_come_newest_first_page_by_page(
    staff: AsyncStaff, open_shop: OpenShop, stack: Stack, product: UUID
) -> None:
    async with open_shop(stack) as shop:
        await shop.auth.sign_in_as_guest()
        order = await place(shop, product, 3)
    received = await staff.stock.receive(product, 2)
    page = await staff.stock.movements(product, limit=1000)
    assert page.next is None
    reserved = next(movement for movement in page if movement.kind == "reserved")
    assert (reserved.order_id, reserved.reserved_change) == (order.id, 3)
    assert received in page
    assert [movement.id for movement in page] == sorted((m.id for m in page), reverse=True)
    first = await staff.stock.movements(product, limit=1)
    rest = await staff.stock.movements(product, limit=100, after=first.next)
    assert first[0].id > rest[0].id
    assert page[-1] in rest
    later = [movement async for movement in staff.stock.each_movement(product)]
    assert later[-len(page) :] == page


async def test_low_stock_is_listed(staff: AsyncStaff, product: UUID) -> None:
    await staff.stock.adjust(product, -8, note="Broken")
    low = [level.product_id async for level in staff.stock.each(low=2)]
    assert product in low
    assert product not in [level.product_id async for level in staff.stock.each(low=1)]
    first = await staff.stock.list(limit=1)
    second = await staff.stock.list(limit=1, after=first.next)
    assert (first[0].name, first[0].product_id) < (second[0].name, second[0].product_id)


async def test_a_server_with_a_secret_key_is_staff(make: Make, stack: Stack, product: UUID) -> None:
    environment = stack.environment
    url, key = environment["SUPABASE_URL"], environment["SUPABASE_SECRET_KEY"]
    async with make(url, key) as shop:
        received = await shop.staff.stock.receive(product, 1)
        assert received.moved_by is None
        assert received in await shop.staff.stock.movements(product)
        assert (await shop.staff.products.get(product)).active
        assert await shop.staff.images.uploads(product) == []
        assert len(await shop.staff.orders.list(limit=1)) <= 1
        assert await shop.staff.users.list(limit=1)


async def test_wrong_requests_are_refused(staff: AsyncStaff, product: UUID) -> None:
    nothing = uuid4()
    for attempt in (
        staff.stock.get(nothing), staff.stock.receive(nothing, 1),
        staff.stock.adjust(nothing, 1, note="n"), staff.stock.movements(nothing),
    ):  # fmt: skip
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "product_not_found"
    for wrong, code in (
        (staff.stock.receive(product, 0), "invalid_quantity"),
        (staff.stock.adjust(product, 0, note="n"), "invalid_quantity"),
        (staff.stock.adjust(product, 1, note=""), "invalid_note"),
        (staff.stock.receive("7", 1), "invalid_product_id"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await wrong
        assert refusal.value.code == code
