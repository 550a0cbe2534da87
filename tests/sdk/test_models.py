"""The models read the database's rows, and cannot drift from its schema."""

from collections.abc import Iterator
from datetime import datetime
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from pydantic import BaseModel, JsonValue, ValidationError

from orderbase import (
    Address,
    CatalogueEntry,
    FeedEvent,
    ImageVariant,
    Money,
    Order,
    OrderDetails,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Preferences,
    Product,
    ProductImage,
    Profile,
    Quote,
    SavedAddress,
    _product_columns,
    schema,
)
from orderbase.models.base import Model
from orderbase.staff._columns import column_of

NOW = "2026-01-02T03:04:05.678901+00:00"
PRODUCT_ID = UUID("00000000-0000-4000-8000-000000000001")
ADDRESS = {"name": "A", "line1": "B", "city": "C", "postal_code": "D", "country": "DE"}
PRODUCT = {
    "id": str(PRODUCT_ID), "slug": "cup", "name": "Cup", "description": "", "price": 250,
    "currency": "EUR", "created_at": NOW, "updated_at": NOW,
    "inventory": {"on_hand": 10, "reserved": 4},
}  # fmt: skip
ORDER = {
    "id": str(PRODUCT_ID), "number": 7, "user_id": None, "email": "a@example.com",
    "status": "placed", "currency": "EUR", "total": 500, "shipping_address": ADDRESS,
    "payment_method": "pm_card_visa", "ending": None, "failure_code": None,
    "failure_message": None, "version": 1, "idempotency_key": str(PRODUCT_ID),
    "created_at": NOW, "updated_at": NOW,
}  # fmt: skip
ITEM = {
    "product_id": str(PRODUCT_ID), "name": "Cup", "unit_price": 250, "quantity": 2,
    "product": {"slug": "cup", "name": "Mug", "price": 300, "currency": "EUR"},
}  # fmt: skip

# What a model makes of a column: the column's type stands for the model's.
READ_AS = {
    Address: JsonValue,
    dict[str, JsonValue]: JsonValue,
    tuple[ImageVariant, ...]: JsonValue,
}
# Fields that are no column of the model's own table.
DERIVED = {
    Product: {"inventory", "images", "base_price_amount", "base_currency"},
    OrderDetails: {"items"},
    OrderItem: {"product", "currency"},
    FeedEvent: {"position"},
}
ROWS: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (Product, schema.PublicProducts),
    (ProductImage, schema.PublicProductImages),
    (Profile, schema.PublicProfiles),
    (Preferences, schema.PublicPreferences),
    (SavedAddress, schema.PublicAddresses),
    (CatalogueEntry, schema.PublicProducts),
    (Order, schema.PublicOrders),
    (OrderDetails, schema.PublicOrders),
    (OrderItem, schema.PublicOrderItems),
    (OrderEvent, schema.PublicOrderEvents),
    (FeedEvent, schema.PublicOrderEvents),
]


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_field_is_a_column_of_the_same_type(
    model: type[BaseModel], row: type[BaseModel]
) -> None:
    columns, types = get_type_hints(row), get_type_hints(model)
    for name, field in model.model_fields.items():
        if name not in DERIVED.get(model, ()):
            assert _same(types[name], columns[column_of(name, field)]), name


def test_the_columns_that_are_asked_for_exist() -> None:
    own = _product_columns.COLUMNS.partition(",inventory(")[0].split(",")
    assert set(own) <= set(schema.PublicProducts.model_fields)


def test_availability_is_what_nobody_else_has_reserved() -> None:
    product = Product.model_validate(PRODUCT)
    assert product.available == 6
    assert product.price == Money(250, "EUR")
    assert product.created_at == datetime.fromisoformat(NOW)


def test_an_order_reads_its_items_in_its_own_currency() -> None:
    order = OrderDetails.model_validate(ORDER | {"items": [ITEM]})
    assert order.total == Money(500, "EUR") == order.items[0].total
    assert order.items[0].product is not None
    assert order.items[0].product == CatalogueEntry.model_validate(ITEM["product"])
    assert order.items[0].product.price == Money(300, "EUR")


def test_an_item_outlives_its_product() -> None:
    order = OrderDetails.model_validate(ORDER | {"items": [ITEM | {"product": None}]})
    assert order.items[0].product is None


@pytest.mark.parametrize("extra", [{"items": [ITEM]}, {"items": []}])
def test_models_survive_their_own_json(extra: dict[str, object]) -> None:
    order = OrderDetails.model_validate(ORDER | extra)
    assert OrderDetails.model_validate_json(order.model_dump_json()) == order


def test_a_column_that_comes_later_does_no_harm() -> None:
    assert Order.model_validate(ORDER | {"gift": True}) == Order.model_validate(ORDER)


QUOTE: dict[str, object] = {
    "quote": "e30.c2ln", "country": "CH", "currency": "CHF", "total": 700, "arms": {"sale": "low"},
    "expires_at": NOW, "lines": [
        {"product_id": str(PRODUCT_ID), "name": "Cup", "quantity": 2, "unit_price": 350}
    ],
}  # fmt: skip
IMAGE: dict[str, object] = {
    "id": str(PRODUCT_ID), "path": "p/800.jpg", "alt": "A cup", "position": 0, "width": 900,
    "height": 900, "colour": "#aabbcc", "placeholder": None, "variants": [
        {"width": width, "height": width, "format": kind, "path": f"p/{width}.{kind}", "bytes": 9}
        for width in (800, 400) for kind in ("webp", "jpeg")
    ],
}  # fmt: skip


def test_a_quote_is_money_and_keeps_its_secret_to_itself() -> None:
    quote = Quote.model_validate(QUOTE)
    assert quote.total == Money(700, "CHF") == quote.lines[0].total
    assert quote.lines[0].unit_price == Money(350, "CHF")
    assert quote.token == "e30.c2ln"  # noqa: S105 - signed by nobody
    assert quote.token not in repr(quote)
    assert Quote.model_validate_json(quote.model_dump_json()) == quote


def test_a_product_costs_what_it_costs_in_its_market() -> None:
    there = {"market": [{"price": 350, "currency": "CHF"}], "images": [IMAGE]}
    product = Product.model_validate(PRODUCT | there)
    assert product.price == Money(350, "CHF")
    assert product.currency == "CHF"
    assert product.base_price == Money(250, "EUR")
    assert Product.model_validate_json(product.model_dump_json()) == product


@pytest.mark.parametrize(
    ("width", "found"), [(1, 400), (400, 400), (401, 800), (800, 800), (9000, 800)]
)
def test_a_picture_is_as_wide_as_it_is_shown_or_as_wide_as_there_is(width: int, found: int) -> None:
    image = ProductImage.model_validate(IMAGE)
    for kind in ("webp", "jpeg"):
        variant = image.fitting(width, kind)
        assert variant is not None
        assert (variant.width, variant.format) == (found, kind)
    plain = ProductImage.model_validate(IMAGE | {"variants": []})
    assert plain.fitting(width) is None


def test_models_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Product.model_validate(PRODUCT).name = "Other"  # type: ignore[misc]


def _same(field: object, column: object) -> bool:
    """Whether a field's type is what its column holds, null included."""
    ours, theirs = _alternatives(field), _alternatives(column)
    return ours == theirs or {READ_AS.get(kind, kind) for kind in ours} == theirs  # type: ignore[call-overload]


def _alternatives(annotation: object) -> set[object]:
    if get_origin(annotation) in (Union, UnionType):
        return set(get_args(annotation))
    return {annotation}


def test_the_statuses_are_the_databases() -> None:
    assert get_args(OrderStatus) == get_args(schema.PublicOrderStatus)


def test_what_a_newer_shop_may_say_is_read() -> None:
    """A page of the feed, or a list, must not be lost with one word of it."""
    told = Order.model_validate(ORDER | {"status": "returned", "ending": "recycled"})
    assert (told.status, told.ending) == ("returned", "recycled")


def test_what_is_no_text_is_still_refused() -> None:
    with pytest.raises(ValidationError):
        Order.model_validate(ORDER | {"status": None})


def test_every_text_that_is_one_of_several_may_become_another() -> None:
    models = [kind for kind in all_models(Model) if kind.__module__.startswith("orderbase.")]
    closed = {
        f"{kind.__name__}.{name}"
        for kind in models
        for name, type_ in get_type_hints(kind, include_extras=True).items()
        if any(get_origin(one) is Literal for one in _alternatives(type_))
    }
    assert closed == set()
    assert Order in models


def all_models(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Its subclasses, and theirs."""
    for subclass in kind.__subclasses__():
        yield subclass
        yield from all_models(subclass)
