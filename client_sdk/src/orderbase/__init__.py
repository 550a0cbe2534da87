"""Typed Python client for an Orderbase shop."""

from orderbase import webhooks
from orderbase._account import AsyncAccount
from orderbase._addresses import AsyncAddresses
from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._blocking_watch import Subscription, Watch
from orderbase._client import AsyncOrderbase
from orderbase._each import AsyncEach, Each
from orderbase._feed import WatchState
from orderbase._http import Request, Response, Transport
from orderbase._order_filters import OrderFilters
from orderbase._page import Page
from orderbase._products import AsyncProducts, ProductFilters
from orderbase._session import MemoryStorage, SessionStorage
from orderbase._sync import Account, Addresses, Auth, Orderbase, Orders, Products
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
    ImageFormat,
    ImageVariant,
    Inventory,
    Item,
    MarketPrice,
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
    QuoteLine,
    SavedAddress,
    Snapshot,
    User,
)
from orderbase.money import Money
from orderbase.webhooks import WebhookEvent, WebhookItem, WebhookOrder

__all__ = [
    "Account",
    "Address",
    "Addresses",
    "AsyncAccount",
    "AsyncAddresses",
    "AsyncAuth",
    "AsyncEach",
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
    "Each",
    "FeedEvent",
    "IdempotencyMismatch",
    "ImageFormat",
    "ImageVariant",
    "InvalidRequest",
    "Inventory",
    "Item",
    "MarketPrice",
    "MemoryStorage",
    "Money",
    "NotFound",
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderFilters",
    "OrderItem",
    "OrderStatus",
    "Orderbase",
    "OrderbaseError",
    "Orders",
    "OutOfStock",
    "Page",
    "PermissionDenied",
    "Preferences",
    "Product",
    "ProductFilters",
    "ProductImage",
    "Products",
    "Profile",
    "Quote",
    "QuoteLine",
    "RateLimited",
    "Request",
    "Response",
    "SavedAddress",
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
