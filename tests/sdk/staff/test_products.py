"""The catalogue: products that are made, changed and found, on sale or not."""

import asyncio
from uuid import uuid4

import pytest

from orderbase import AsyncOrderbase, Conflict, InvalidRequest, Money, NotFound
from orderbase.staff import AsyncStaff, StaffProduct

PRICE = Money(1200, "EUR")


async def create(staff: AsyncStaff, slug: str | None = None, **others: object) -> StaffProduct:
    slug = slug or f"mug-{uuid4()}"
    return await staff.products.create(slug=slug, name="Mug", price=PRICE, **others)  # type: ignore[arg-type]


async def test_a_product_is_made_and_found(staff: AsyncStaff, back_office: AsyncOrderbase) -> None:
    abroad = {"CH": Money(1400, "CHF"), "US": Money(1500, "USD")}
    made = await create(staff, description="Blue.", prices=abroad)
    assert (made.price, made.active, made.version, made.description) == (PRICE, True, 1, "Blue.")
    assert [(one.country, one.price) for one in made.prices] == list(abroad.items())
    assert await staff.products.get(made.id) == made
    assert await staff.products.get(made.slug) == made
    assert made in [product async for product in staff.products.each(search="mug blue")]
    sold = await back_office.products.get(made.id)
    assert (sold.price, sold.available) == (PRICE, 0)
    with pytest.raises(Conflict) as refusal:
        await create(staff, made.slug)
    assert refusal.value.code == "slug_taken"


async def test_a_change_says_what_it_has_seen(staff: AsyncStaff) -> None:
    made = await create(staff, prices={"CH": Money(1400, "CHF")})
    changed = await staff.products.change(
        made.id, version=made.version, name="Large mug", price=Money(1300, "USD")
    )
    assert (changed.name, changed.price, changed.version) == ("Large mug", Money(1300, "USD"), 2)
    assert (changed.slug, changed.prices) == (made.slug, made.prices)
    with pytest.raises(Conflict) as refusal:
        await staff.products.change(made.id, version=made.version, name="Small mug")
    assert refusal.value.code == "precondition_failed"
    assert refusal.value.context == {"version": 2}
    dear = await staff.products.change(made.id, version=None, prices={})
    assert (dear.name, dear.prices) == ("Large mug", ())


async def test_of_those_who_change_the_same_version_one_goes_on(staff: AsyncStaff) -> None:
    made = await create(staff)
    outcomes = await asyncio.gather(
        *(
            staff.products.change(made.id, version=1, description=f"By number {number}.")
            for number in range(4)
        ),
        return_exceptions=True,
    )
    assert len([one for one in outcomes if isinstance(one, StaffProduct)]) == 1
    codes = [one.code for one in outcomes if isinstance(one, Conflict)]
    assert codes == ["precondition_failed"] * 3


async def test_what_is_not_on_sale_is_seen_by_staff(
    staff: AsyncStaff, back_office: AsyncOrderbase
) -> None:
    made = await create(staff, active=False)
    assert made in [product async for product in staff.products.each(active=False)]
    assert made not in [product async for product in staff.products.each(active=True)]
    assert made in [product async for product in staff.products.each()]
    assert made.id not in [product.id async for product in back_office.products.each()]
    first = await staff.products.list(limit=1)
    second = await staff.products.list(limit=1, after=first.next)
    assert (first[0].name, first[0].id) < (second[0].name, second[0].id)
    assert (await staff.products.change(made.id, version=1, active=True)).active


async def test_wrong_requests_are_refused(staff: AsyncStaff) -> None:
    for attempt in (staff.products.get(uuid4()), staff.products.change(uuid4(), version=None)):
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "product_not_found"
    with pytest.raises(InvalidRequest) as refusal:
        await create(staff, "Not A Slug")
    assert (refusal.value.code, refusal.value.context) == ("invalid_product", {"field": "slug"})
    for wrong, field in (({"colour": "red"}, "colour"), ({"description": 5}, "description")):
        with pytest.raises(InvalidRequest) as refusal:
            await create(staff, **wrong)
        assert refusal.value.code == "invalid_product", field
    with pytest.raises(InvalidRequest):
        await staff.products.list(limit=0)
