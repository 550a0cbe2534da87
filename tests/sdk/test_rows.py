"""Typed access to any table, against the whole stack."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import NoneType
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from orderbase import (
    AsyncOrderbase,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    tables,
)
from orderbase.schema import PublicAddressesInsert, PublicProductsInsert
from tests.conftest import Stack
from tests.sdk.conftest import Make, OpenShop
from tests.sdk.live import ADDRESS, create_product, place

NASTY = [
    "", "a,b", "(x)", "a.b", '"quoted"', '"', "\\", '\\"', "a\\", "null", "true", "*", "a*b", "%",
    "_",
    "100%", "a&b=c", "a+b", "a b", "#", "?", "/", ";--", "'", "{1}", "[1]", "ü", "日本", "🧺",
    "e\u0301",     "and(a.eq.1)", "not.eq.1", "is.null", "in.(1,2)", ":*", "%2C", "%00", " x ",
]  # fmt: skip
HOME: JsonValue = {
    "name": "Ada", "line1": "Main St 1", "city": "Berlin", "postal_code": "10115", "country": "DE"
}  # fmt: skip


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


@pytest.fixture
async def shop(open_shop: OpenShop, stack: Stack) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a guest."""
    async with open_shop(stack) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


def labelled(label: str) -> PublicAddressesInsert:
    return {"label": label, "address": HOME}


async def save(shop: AsyncOrderbase, *labels: str) -> None:
    await shop.rows(tables.Addresses).insert(*map(labelled, labels))


async def labels(shop: AsyncOrderbase, *conditions: object) -> set[str]:
    query = shop.rows(tables.Addresses).where(*conditions)  # type: ignore[arg-type]
    return {row.label for row in await query.all()}


async def test_every_value_finds_itself_and_nothing_else(shop: AsyncOrderbase) -> None:
    await save(shop, *NASTY)
    label = tables.Addresses.label
    for value in NASTY:
        assert await labels(shop, label == value) == {value}
        assert await labels(shop, label.in_([value])) == {value}
        assert await labels(shop, label.in_([value, "no such"])) == {value}
        assert await labels(shop, ~label.in_([value]) | (label == "no such")) == {*NASTY} - {value}
        assert await labels(shop, label != value) == set(NASTY) - {value}
        literally = "".join(f"\\{letter}" if letter in "%_\\" else letter for letter in value)
        assert await labels(shop, label.like(literally)) == {value}
        assert await labels(shop, label.ilike(literally)) == {value}
    assert await labels(shop, label.in_([])) == set()
    assert await labels(shop, label.in_(NASTY)) == set(NASTY)


async def test_patterns_stand_for_what_sql_says(shop: AsyncOrderbase) -> None:
    await save(shop, "a*b", "axb", "a*bc", "A*B", "a%b")
    label = tables.Addresses.label
    assert await labels(shop, label.like("a*_")) == {"a*b"}
    assert await labels(shop, label.like("a*%")) == {"a*b", "a*bc"}
    assert await labels(shop, label.ilike("a*b")) == {"a*b", "A*B"}
    assert await labels(shop, label.like("a_b")) == {"a*b", "axb", "a%b"}
    assert await labels(shop, label.like(r"a\%b")) == {"a%b"}
    assert await labels(shop, label.ilike("a_b%")) == {"a*b", "axb", "a*bc", "A*B", "a%b"}


async def test_conditions_are_joined(shop: AsyncOrderbase) -> None:
    await save(shop, "a", "b", "c")
    label, at = tables.Addresses.label, tables.Addresses.created_at
    assert await labels(shop, (label == "a") | (label == "b")) == {"a", "b"}
    assert await labels(shop, ~(label == "a")) == {"b", "c"}
    assert await labels(shop, ~((label == "a") | (label == "b"))) == {"c"}
    assert await labels(shop, label.between("b", "c") & ~label.in_(["c"])) == {"b"}
    assert await labels(shop, label > "a", label < "c") == {"b"}
    assert await labels(shop, at.is_null()) == set()
    assert await labels(shop, tables.Addresses.address.contains({"city": "Berlin"})) == {*"abc"}
    assert await labels(shop, tables.Addresses.address.contains({"city": "Bonn"})) == set()
    east = timezone(timedelta(hours=5, minutes=30))
    long_ago = datetime.now(east) - timedelta(days=1)
    assert await labels(shop, at > long_ago, at < long_ago.astimezone(UTC)) == set()
    assert await labels(shop, at > long_ago) == {*"abc"}


async def test_rows_are_typed_and_ordered(shop: AsyncOrderbase, product: UUID) -> None:
    numbers = [(await place(shop, product, quantity)).number for quantity in (3, 1, 2)]
    orders = shop.rows(tables.Orders)
    first, *others = await orders.order_by(tables.Orders.total).all()
    assert (first.number, first.total, first.currency) == (numbers[1], 1250, "EUR")
    assert isinstance(first.request_hash, bytes)
    assert [order.total for order in others] == [2500, 3750]
    by_hash = await orders.where(tables.Orders.request_hash == first.request_hash).one()
    assert by_hash.id == first.id
    dear = orders.where(tables.Orders.total >= 2500).order_by(tables.Orders.number.descending())
    assert [order.number for order in await dear.all()] == [numbers[2], numbers[0]]
    first_dear = await dear.first()
    assert first_dear is not None
    assert [order.id for order in await dear.limit(1).all()] == [first_dear.id]
    assert await dear.count() == await dear.limit(1).count() == 2
    with pytest.raises(Conflict) as several:
        await dear.one()
    nothing = dear.where(tables.Orders.total < 2500)
    with pytest.raises(NotFound) as none:
        await nothing.one()
    assert (several.value.code, none.value.code) == ("several_rows", "row_not_found")
    assert (await nothing.all(), await nothing.first(), await nothing.count()) == ([], None, 0)


async def test_pages_cover_all_rows_once_whatever_the_order(shop: AsyncOrderbase) -> None:
    wanted = [*"dbca", "a,b", 'a"b']
    await save(shop, *wanted)
    label, home = tables.Addresses.label, shop.rows(tables.Addresses).limit(2)
    for ordering in (label, label.descending(), tables.Addresses.is_default.descending()):
        query = home.order_by(ordering)
        page = await query.page()
        found = list(page)
        while page.next is not None:
            page = await query.page(after=page.next)
            found += page
        assert sorted(row.label for row in found) == sorted(wanted)
        assert [row async for row in query.each()] == found
    with pytest.raises(InvalidRequest) as foreign:
        await home.order_by(label).page(after=(await home.order_by(label.descending()).page()).next)
    assert foreign.value.code == "invalid_cursor"


@pytest.mark.parametrize("nulls_first", [True, False])
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_go_on_among_rows_without_a_value(
    shop: AsyncOrderbase, product: UUID, nulls_first: bool, descending: bool
) -> None:
    for _ in range(4):
        await place(shop, product)
    column = tables.Orders.failure_code
    ordering = column.descending if descending else column.ascending
    query = shop.rows(tables.Orders).order_by(ordering(nulls_first=nulls_first))
    everything = await query.all()
    assert len(everything) == 4
    assert [row.id async for row in query.limit(1).each()] == [row.id for row in everything]


class Line(BaseModel):
    name: str
    amount: int = Field(alias="quantity")


class Receipt(BaseModel):
    number: int
    lines: list[Line] = Field(alias="order_items")
    shipping_address: dict[str, JsonValue]


class Sold(BaseModel):
    slug: str
    inventory: "Stock | None"


class Stock(BaseModel):
    available: int


async def test_rows_take_the_shape_of_a_model(shop: AsyncOrderbase, product: UUID) -> None:
    orders = [await place(shop, product, quantity) for quantity in (1, 2, 3)]
    query = shop.rows(tables.Orders).order_by(tables.Orders.number).shaped(Receipt)
    receipts = await query.all()
    assert [receipt.number for receipt in receipts] == [order.number for order in orders]
    assert [receipt.lines[0].amount for receipt in receipts] == [1, 2, 3]
    assert receipts[0].shipping_address["city"] == ADDRESS.city
    assert [receipt async for receipt in query.limit(1).each()] == receipts
    one = await shop.rows(tables.Products).shaped(Sold).where(tables.Products.id == product).one()
    assert one.inventory is not None
    assert one.inventory.available > 0


class Coloured(BaseModel):
    colour: str


class Shipped(BaseModel):
    lorries: list[Line]


class Itself(BaseModel):
    order_items: list["Itself"]


class Numbered(BaseModel):
    email: int


class Unrelated(BaseModel):
    experiments: list["Named"]


class Named(BaseModel):
    name: str


async def test_a_shape_that_the_database_has_not_is_refused(
    shop: AsyncOrderbase, product: UUID
) -> None:
    for model in (Coloured, Shipped, Itself):
        with pytest.raises(InvalidRequest) as refusal:
            shop.rows(tables.Orders).shaped(model)
        assert refusal.value.code == "invalid_shape"
    await place(shop, product)
    with pytest.raises(InvalidRequest) as mismatch:
        await shop.rows(tables.Orders).shaped(Numbered).all()
    assert mismatch.value.code == "shape_mismatch"
    assert "Numbered.email" in mismatch.value.message
    assert "ada@example.com" not in str(mismatch.value)
    with pytest.raises(InvalidRequest) as unrelated:
        await shop.rows(tables.Orders).shaped(Unrelated).all()
    assert unrelated.value.code == "PGRST200"


async def test_rows_are_written_and_come_back(shop: AsyncOrderbase) -> None:
    addresses = shop.rows(tables.Addresses)
    home, work = await addresses.insert(labelled("home"), labelled("work"))
    assert (home.label, work.label, home.address) == ("home", "work", HOME)
    mine = addresses.where(tables.Addresses.id == home.id)
    (changed,) = await mine.update({"label": "at 'home', \"today\""})
    assert changed.label == "at 'home', \"today\""
    assert await mine.one() == changed
    assert await mine.delete() == [changed]
    assert await addresses.all() == [work]


async def test_rows_that_are_there_are_changed(
    shop: AsyncOrderbase, make: Make, stack: Stack
) -> None:
    environment = stack.environment
    async with make(environment["SUPABASE_URL"], environment["SUPABASE_SECRET_KEY"]) as server:
        products, slug = server.rows(tables.Products), f"cup-{uuid4()}"
        cup: PublicProductsInsert = {"slug": slug, "name": "Cup", "currency": "EUR", "price": 500}
        (made,) = await products.insert({**cup, "description": "Blue."})
        renamed, other = await products.upsert(
            {**cup, "name": "Large cup"}, {**cup, "slug": f"{slug}-2"}, on=[tables.Products.slug]
        )
        assert (renamed.id, renamed.name, renamed.description) == (made.id, "Large cup", "Blue.")
        assert other.id != made.id
        assert await products.upsert({**cup, "id": made.id, "price": 600}) == [
            await products.where(tables.Products.id == made.id).one()
        ]
    with pytest.raises(PermissionDenied):
        await shop.rows(tables.Products).upsert(cup, on=[tables.Products.slug])


async def test_a_change_of_what_the_condition_names_is_answered(shop: AsyncOrderbase) -> None:
    await save(shop, "mine", "other")
    label, addresses = tables.Addresses.label, shop.rows(tables.Addresses)
    changed = await addresses.where(label == "mine").update({"label": 'z"z'})
    assert [row.label for row in changed] == ['z"z']
    changed = await addresses.where(label.in_(['z"z', "other"])).update({"label": "y"})
    assert [row.label for row in changed] == ["y", "y"]
    with pytest.raises(NotFound):
        await addresses.where(label == "mine").update({"label": "x"})
    with pytest.raises(InvalidRequest) as refusal:
        await addresses.where((label == "y") | (label == "x")).update({"label": "w"})
    assert refusal.value.code == "invalid_query"
    assert await labels(shop) == {"y"}


@pytest.mark.parametrize("text", ["victim\0zzz", "\0", "\ud800"])
async def test_what_postgres_would_cut_off_is_refused(shop: AsyncOrderbase, text: str) -> None:
    await save(shop, "victim", "")
    label, addresses = tables.Addresses.label, shop.rows(tables.Addresses)
    for call in (
        addresses.where(label == text).delete(),
        addresses.where(label.in_([text, "x"])).all(),
        shop.products.get(text),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await call
        assert refusal.value.code == "invalid_value"
    assert await labels(shop) == {"victim", ""}


async def test_members_of_an_enum_are_their_values(shop: AsyncOrderbase) -> None:
    class Place(str, Enum):  # noqa: UP042 - whose str() is its name
        HOME = "home"

    await save(shop, "home", "Place.HOME")
    assert await labels(shop, tables.Addresses.label == Place.HOME) == {"home"}
    assert await labels(shop, tables.Addresses.label.in_([Place.HOME])) == {"home"}


async def test_more_than_an_address_holds_is_refused(shop: AsyncOrderbase) -> None:
    query = shop.rows(tables.Addresses).where(tables.Addresses.label.in_(["x" * 100] * 100))
    with pytest.raises(InvalidRequest) as refusal:
        await query.all()
    assert refusal.value.code == "query_too_long"


async def test_a_strict_model_is_not_told_what_only_we_asked_for(shop: AsyncOrderbase) -> None:
    class Label(BaseModel, extra="forbid"):
        label: str

    await save(shop, "a", "b")
    found = await shop.rows(tables.Addresses).shaped(Label).all()
    assert {one.label for one in found} == {"a", "b"}


async def test_what_row_security_hides_is_no_success(
    open_shop: OpenShop, stack: Stack, shop: AsyncOrderbase
) -> None:
    (home,) = await shop.rows(tables.Addresses).insert(labelled("home"))
    async with open_shop(stack) as other:
        await other.auth.sign_in_as_guest()
        hidden = other.rows(tables.Addresses).where(tables.Addresses.id == home.id)
        for attempt in (hidden.update({"label": "mine"}), hidden.delete(), hidden.one()):
            with pytest.raises(NotFound) as refusal:
                await attempt
            assert refusal.value.code == "row_not_found"
        orders = other.rows(tables.Orders).where(tables.Orders.total >= 0)
        for forbidden in (orders.update({"total": 0}), orders.delete()):
            with pytest.raises(PermissionDenied):
                await forbidden
    assert await shop.rows(tables.Addresses).all() == [home]


async def test_a_write_says_which_rows(shop: AsyncOrderbase) -> None:
    addresses = shop.rows(tables.Addresses)
    await save(shop, "home")
    named = addresses.where(tables.Addresses.label == "home")
    refused = [
        (addresses.delete(), "condition_required"),
        (addresses.update({"label": "x"}), "condition_required"),
        (named.limit(1).delete(), "invalid_query"),
        (named.order_by(tables.Addresses.label).update({"label": "x"}), "invalid_query"),
        (named.update({}), "invalid_query"),
        (named.insert(labelled("x")), "invalid_query"),
        (addresses.insert(), "invalid_query"),
    ]
    for attempt, code in refused:
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == code
    assert await labels(shop) == {"home"}


async def test_a_value_that_the_column_cannot_hold_is_refused(shop: AsyncOrderbase) -> None:
    orders = tables.Orders
    for wrong in (
        lambda: orders.status == "eaten",
        lambda: orders.total >= "5",  # type: ignore[operator]
        lambda: orders.total == True,  # noqa: E712
        lambda: orders.created_at > datetime(2026, 1, 1),  # noqa: DTZ001
        lambda: orders.id == str(uuid4()),
        lambda: orders.failure_code == None,  # noqa: E711
        lambda: orders.email.in_("ada@example.com"),  # each letter
    ):
        with pytest.raises(InvalidRequest) as refusal:
            wrong()
        assert refusal.value.code == "invalid_value"
    with pytest.raises(InvalidRequest) as unknown:
        await shop.rows(tables.Addresses).insert({**labelled("x"), "colour": "red"})  # type: ignore[typeddict-unknown-key]
    assert unknown.value.code == "unknown_column"
    for column in (orders.shipping_address, tables.WebhookEndpoints.event_types):
        with pytest.raises(InvalidRequest) as no_place:
            column.descending()
        assert no_place.value.code == "invalid_order_by"
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(orders.total == 5)


async def test_a_verb_is_called_by_its_name(shop: AsyncOrderbase) -> None:
    position = await shop.verb("order_feed_head", {}, str, repeat=True)
    assert position <= await shop.orders.position()
    found = await shop.verb("order_feed", {"after": position, "max_rows": 5}, list[Named])
    assert found == []
    assert await shop.verb("order_feed_head", {}, TypeAdapter[str | None](str | None))
    for name in ("../orders", "x?y", "A b"):
        with pytest.raises(InvalidRequest) as refusal:
            await shop.verb(name, {}, NoneType)
        assert refusal.value.code == "invalid_verb"
    with pytest.raises(NotFound):
        await asyncio.wait_for(shop.verb("no_such_verb", {}, NoneType), 10)
