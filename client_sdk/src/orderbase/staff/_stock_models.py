"""Stock: levels, and the movements that they sum up."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import AliasChoices, Field

from orderbase.models.base import Model, Told
from orderbase.models.catalogue import Inventory

StockMovementKind: TypeAlias = Literal[
    "received", "adjusted", "reserved", "released", "sold", "returned"
]


class StockMovement(Model, frozen=True):
    """A line of the ledger of stock, which nobody changes. Numbers are pieces.

    `on_hand_change` is what came or went, `reserved_change` what was promised to the order, or
    is no longer. `idempotency_key` and `moved_by` are of staff who received or adjusted.
    """

    id: int
    product_id: UUID
    order_id: UUID | None
    kind: Told[StockMovementKind]
    on_hand_change: int
    reserved_change: int
    note: str
    idempotency_key: UUID | None
    moved_by: UUID | None
    created_at: datetime


class StockLevel(Model, frozen=True):
    """How much there is of a product, whether or not that is on sale."""

    product_id: UUID = Field(validation_alias=AliasChoices("product_id", "id"))
    slug: str
    name: str
    active: bool
    inventory: Inventory

    @property
    def on_hand(self) -> int:
        """How many the shop has."""
        return self.inventory.on_hand

    @property
    def reserved(self) -> int:
        """How many of those are promised to orders."""
        return self.inventory.reserved

    @property
    def available(self) -> int:
        """How many are promised to nobody."""
        return self.inventory.on_hand - self.inventory.reserved
