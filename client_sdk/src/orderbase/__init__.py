"""Typed Python client for an Orderbase shop."""

from orderbase import webhooks
from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._blocking_watch import Subscription, Watch
from orderbase._client import AsyncOrderbase
from orderbase._feed import WatchState
from orderbase._http import Request, Response, Transport
from orderbase._products import AsyncProducts
from orderbase._session import MemoryStorage, SessionStorage
from orderbase._sync import Auth, Orderbase, Orders, Products
from orderbase._wanted import WatchOptions
from orderbase._watch import AsyncSubscription, AsyncWatch
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
    WebhookRefused,
)
from orderbase.models import (
    Address,
    CatalogueEntry,
    FeedEvent,
    Inventory,
    Item,
    Order,
    OrderDetails,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Product,
    Snapshot,
    User,
)
from orderbase.money import Money
from orderbase.webhooks import WebhookEvent, WebhookItem, WebhookOrder

__all__ = [
    "Address",
    "AsyncAuth",
    "AsyncOrderbase",
    "AsyncOrders",
    "AsyncProducts",
    "AsyncSubscription",
    "AsyncWatch",
    "Auth",
    "AuthError",
    "CatalogueEntry",
    "Conflict",
    "ConnectionFailed",
    "FeedEvent",
    "IdempotencyMismatch",
    "InvalidRequest",
    "Inventory",
    "Item",
    "MemoryStorage",
    "Money",
    "NotFound",
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderItem",
    "OrderStatus",
    "Orderbase",
    "OrderbaseError",
    "Orders",
    "OutOfStock",
    "PermissionDenied",
    "Product",
    "Products",
    "RateLimited",
    "Request",
    "Response",
    "ServerError",
    "SessionStorage",
    "Shortage",
    "Snapshot",
    "Subscription",
    "TimedOut",
    "Transport",
    "User",
    "Watch",
    "WatchOptions",
    "WatchState",
    "WebhookEvent",
    "WebhookItem",
    "WebhookOrder",
    "WebhookRefused",
    "webhooks",
]
