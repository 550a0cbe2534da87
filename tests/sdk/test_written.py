"""Models are written as what they are in Python: to JSON, to files, by web frameworks."""

from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from pydantic import BaseModel, JsonValue, SecretStr
from pydantic_core import to_jsonable_python

import orderbase
from orderbase import Money, OrderItem, Product, Quote, QuoteLine, staff
from orderbase.staff import BestSeller, NewWebhookEndpoint, SalesSummary
from orderbase.staff._columns import column_of

NOW = "2026-01-02T03:04:05.678901Z"
PLAIN: dict[object, object] = {
    UUID: "00000000-0000-4000-8000-000000000001", str: "text", int: 7, float: 0.5, bool: True,
    datetime: NOW, date: "2026-01-02", JsonValue: {"a": [1, None]}, SecretStr: "whsec_x",
}  # fmt: skip


_PUBLIC = dict.fromkeys(
    vars(module)[name] for module in (orderbase, staff) for name in module.__all__
)
MODELS = [kind for kind in _PUBLIC if isinstance(kind, type) and issubclass(kind, BaseModel)]
OPEN = [kind for kind in MODELS if "SecretStr" not in str(get_type_hints(kind))]


def row_of(model: type[BaseModel]) -> dict[str, object]:
    """A row as the shop sends it."""
    types = get_type_hints(model)
    return {
        column_of(name, field): "EUR" if name.endswith("currency") else value_of(types[name])
        for name, field in model.model_fields.items()
    }


def value_of(annotation: Any) -> object:  # noqa: ANN401 - a type
    """A value as JSON has it."""
    arguments = get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if get_origin(annotation) in (Union, UnionType):
        return value_of(next(kind for kind in arguments if kind is not NoneType))
    if get_origin(annotation) is Literal:
        return arguments[0]
    if get_origin(annotation) is tuple:
        return [value_of(arguments[0])]
    if get_origin(annotation) is dict:
        return {"EUR": value_of(arguments[1])}
    return row_of(annotation)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_written_has_the_names_and_values_of_python(model: type[BaseModel]) -> None:
    value = model.model_validate(row_of(model))
    written = value.model_dump(mode="json")
    assert written
    for name, said in written.items():
        ours: object = getattr(value, name)
        if isinstance(ours, Money):
            currency = written["base_currency" if name.startswith("base_") else "currency"]
            assert ours == Money(said, currency), name
        elif isinstance(ours, dict) and any(isinstance(each, Money) for each in ours.values()):
            assert ours == {currency: Money(said[currency], currency) for currency in said}, name
        else:
            assert said == to_jsonable_python(ours), name


@pytest.mark.parametrize("model", OPEN)
def test_what_is_written_is_read_as_its_equal(model: type[BaseModel]) -> None:
    value = model.model_validate(row_of(model))
    assert model.model_validate_json(value.model_dump_json()) == value
    assert model.model_validate(value.model_dump(exclude_unset=True)) == value


def test_a_secret_is_not_written() -> None:
    endpoint = NewWebhookEndpoint.model_validate(row_of(NewWebhookEndpoint))
    assert endpoint.secret.get_secret_value() == "whsec_x"
    assert "whsec_x" not in endpoint.model_dump_json()


@pytest.mark.parametrize("there", [True, False])
def test_a_product_is_written_with_the_prices_that_it_has(there: bool) -> None:
    market = [{"price": 1500, "currency": "CHF"}] if there else []
    product = Product.model_validate(row_of(Product) | {"price": 1000, "market": market})
    written = product.model_dump(mode="json")
    assert (written["base_price"], written["base_currency"]) == (1000, "EUR")
    shown = product.price
    assert (written["price"], written["currency"]) == (shown.amount, shown.currency)
    assert shown == (Money(1500, "CHF") if there else product.base_price)
    assert "market" not in written
    for again in (written, product.model_dump(exclude_unset=True)):
        assert Product.model_validate(again) == product


def test_a_products_schema_fits_what_is_written_and_read() -> None:
    written = Product.model_validate(row_of(Product)).model_dump(mode="json")
    schema = Product.model_json_schema(mode="serialization")
    assert set(schema["properties"]) == set(written)
    assert Product.model_json_schema(mode="validation") == schema


@pytest.mark.parametrize(
    ("whole", "lines", "line"),
    [
        (orderbase.OrderDetails, "items", OrderItem),
        (Quote, "lines", QuoteLine),
        (SalesSummary, "best_sellers", BestSeller),
    ],
)
def test_a_line_on_its_own_keeps_its_currency(
    whole: type[BaseModel], lines: str, line: type[BaseModel]
) -> None:
    """The shop says it once, for the whole."""
    row = row_of(line)
    del row["currency"]
    value = whole.model_validate(row_of(whole) | {"currency": "CHF", lines: [row]})
    (read,) = getattr(value, lines)
    assert read.total.currency == "CHF"
    for written in (read.model_dump(mode="json"), read.model_dump(exclude_unset=True)):
        assert written["currency"] == "CHF"
        assert line.model_validate(written) == read
