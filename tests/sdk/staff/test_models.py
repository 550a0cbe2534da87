"""The models of the back office read the database's rows, and cannot drift from its schema."""

from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel, SecretStr

from orderbase import schema
from orderbase.staff import (
    CountryPrice,
    Email,
    Payment,
    ProductUpload,
    Refund,
    Shipment,
    StaffProduct,
    StockLevel,
    StockMovement,
    StockMovementKind,
)
from orderbase.staff._columns import column_of
from tests.sdk.test_models import _alternatives

ROWS: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (CountryPrice, schema.PublicProductPrices),
    (Email, schema.PublicEmails),
    (Payment, schema.PublicPayments),
    (ProductUpload, schema.PublicProductUploads),
    (Refund, schema.PublicRefunds),
    (Shipment, schema.PublicShipments),
    (StaffProduct, schema.PublicProducts),
    (StockLevel, schema.PublicProducts),
    (StockMovement, schema.PublicStockMovements),
]
EMBEDDED = {StaffProduct: {"prices"}, StockLevel: {"inventory"}}


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_field_is_a_column_of_the_same_type(
    model: type[BaseModel], row: type[BaseModel]
) -> None:
    columns, types = get_type_hints(row), get_type_hints(model)
    for name, field in model.model_fields.items():
        if name not in EMBEDDED.get(model, ()):
            assert _plain(types[name]) == _plain(columns[column_of(name, field)]), name


def test_the_kinds_of_movement_are_the_databases() -> None:
    assert get_args(StockMovementKind) == get_args(schema.PublicStockMovementKind)


def _plain(annotation: object) -> set[object]:
    """Its alternatives; a text of which we know all values, or that is secret, is a text."""
    return {
        str if get_origin(kind) is Literal or kind is SecretStr else kind
        for kind in _alternatives(annotation)
    }
