"""Typed Python client for an Orderbase shop."""

from orderbase import webhooks
from orderbase._account import AsyncAccount
from orderbase._addresses import AsyncAddresses
from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._blocking_watch import Subscription, Watch
from orderbase._client import AsyncOrderbase
from orderbase._each import AsyncEach, Each
from orderbase._event_types import OrderEventType
from orderbase._feed import WatchState
from orderbase._http import Request, Response, Transport
from orderbase._order_filters import OrderFilters, OrdersBy
from orderbase._orders import Basket
from orderbase._page import Page
from orderbase._products import AsyncProducts, ProductFilters, ProductsBy
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
    Order,
    OrderDetails,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Payment,
    PaymentStatus,
    Preferences,
    Product,
    ProductImage,
    Profile,
    Quote,
    QuoteLine,
    SavedAddress,
    Snapshot,
    Told,
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
    "Basket",
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
    "MemoryStorage",
    "Money",
    "NotFound",
    "Order",
    "OrderDetails",
    "OrderEvent",
    "OrderEventType",
    "OrderFilters",
    "OrderItem",
    "OrderStatus",
    "Orderbase",
    "OrderbaseError",
    "Orders",
    "OrdersBy",
    "OutOfStock",
    "Page",
    "Payment",
    "PaymentStatus",
    "PermissionDenied",
    "Preferences",
    "Product",
    "ProductFilters",
    "ProductImage",
    "Products",
    "ProductsBy",
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
    "Told",
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
