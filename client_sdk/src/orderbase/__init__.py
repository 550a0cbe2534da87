"""Typed Python client for an Orderbase shop."""

from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._client import AsyncOrderbase
from orderbase._products import AsyncProducts
from orderbase.errors import (
    AuthError,
    Conflict,
    ConnectionFailed,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    OrderbaseError,
    OutOfStock,
    PermissionDenied,
    RateLimited,
    ServerError,
    Shortage,
    TimedOut,
)
from orderbase.models import (
    Address,
    CatalogueEntry,
    FeedEvent,
    Item,
    Order,
    OrderDetails,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Product,
    User,
)
from orderbase.money import Money

__all__ = [
    "Address",
    "AsyncAuth",
    "AsyncOrderbase",
    "AsyncOrders",
    "AsyncProducts",
    "AuthError",
    "CatalogueEntry",
    "Conflict",
    "ConnectionFailed",
    "FeedEvent",
    "IdempotencyMismatch",
    "InvalidRequest",
    "Item",
    "Money",
    "NotFound",
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderItem",
    "OrderStatus",
    "OrderbaseError",
    "OutOfStock",
    "PermissionDenied",
    "Product",
    "RateLimited",
    "ServerError",
    "Shortage",
    "TimedOut",
    "User",
]
