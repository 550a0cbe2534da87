"""What a shop is made of: frozen values, read from the database's rows.

Amounts are whole minor units beside their `currency`, as in the rows, which are read without any
Python in between; the properties make Money of them.
"""

from orderbase.models.base import DEFERRED, Told
from orderbase.models.catalogue import Inventory, Product
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
from orderbase.models.payments import Payment, PaymentStatus
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
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderItem",
    "OrderStatus",
    "Payment",
    "PaymentStatus",
    "Preferences",
    "Product",
    "ProductImage",
    "Profile",
    "Quote",
    "QuoteLine",
    "SavedAddress",
    "Snapshot",
    "Told",
    "User",
]
