"""What a shop is made of: frozen values, read from the database's rows.

Amounts are whole minor units beside their `currency`, as in the rows, which are read without any
Python in between; the properties make Money of them.
"""

from orderbase.models.base import DEFERRED
from orderbase.models.catalogue import Inventory, MarketPrice, Product
from orderbase.models.images import ImageFormat, ImageVariant, ProductImage
from orderbase.models.orders import (
    CatalogueEntry,
    FeedEvent,
    Item,
    Order,
    OrderDetails,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Snapshot,
)
from orderbase.models.people import Address, Preferences, Profile, SavedAddress, User
from orderbase.models.quotes import Quote, QuoteLine

__all__ = [
    "DEFERRED",
    "Address",
    "CatalogueEntry",
    "FeedEvent",
    "ImageFormat",
    "ImageVariant",
    "Inventory",
    "Item",
    "MarketPrice",
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderItem",
    "OrderStatus",
    "Preferences",
    "Product",
    "ProductImage",
    "Profile",
    "Quote",
    "QuoteLine",
    "SavedAddress",
    "Snapshot",
    "User",
]
