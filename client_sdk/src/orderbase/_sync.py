"""The blocking client: what the asynchronous one does, waited for.

Signatures and documentation are those of the asynchronous methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from orderbase._account import AsyncAccount
from orderbase._addresses import AsyncAddresses
from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._blocking import Blocking, blocking
from orderbase._blocking_watch import Subscription, Watch
from orderbase._client import AsyncOrderbase
from orderbase._each import iterating
from orderbase._http import Transport
from orderbase._portal import Portal
from orderbase._products import AsyncProducts
from orderbase._session import SessionStorage
from orderbase._wanted import WatchOptions
from orderbase.models import FeedEvent, ImageFormat, ProductImage, User

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from supabase import Client

    from orderbase._blocking_rows import Rows
    from orderbase._columns import I, Table, U
    from orderbase._facts import R
    from orderbase.staff import Staff

T = TypeVar("T")


class Auth(Blocking[AsyncAuth]):
    """See AsyncAuth: the same, and each method waits."""

    sign_up = blocking(AsyncAuth.sign_up)
    sign_in = blocking(AsyncAuth.sign_in)
    sign_in_as_guest = blocking(AsyncAuth.sign_in_as_guest)
    send_code = blocking(AsyncAuth.send_code)
    sign_in_with_code = blocking(AsyncAuth.sign_in_with_code)
    become_account = blocking(AsyncAuth.become_account)
    sign_out = blocking(AsyncAuth.sign_out)
    token = blocking(AsyncAuth.token)

    @property
    def user(self) -> User | None:
        """Who is signed in; None when nobody is."""
        return self._async.user


class Products(Blocking[AsyncProducts]):
    """See AsyncProducts: the same, and each method waits."""

    list = blocking(AsyncProducts.list)
    each = iterating(AsyncProducts.each)
    get = blocking(AsyncProducts.get)

    def image_url(
        self,
        image: ProductImage,
        *,
        width: int | None = None,
        format: ImageFormat = "webp",  # noqa: A002
    ) -> str:
        """See AsyncProducts.image_url."""
        return self._async.image_url(image, width=width, format=format)


class Orders(Blocking[AsyncOrders]):
    """See AsyncOrders: the same, and each method waits."""

    quote = blocking(AsyncOrders.quote)
    place = blocking(AsyncOrders.place)
    cancel = blocking(AsyncOrders.cancel)
    list = blocking(AsyncOrders.list)
    each = iterating(AsyncOrders.each)
    get = blocking(AsyncOrders.get)
    events = blocking(AsyncOrders.events)
    payment = blocking(AsyncOrders.payment)
    position = blocking(AsyncOrders.position)
    snapshot = blocking(AsyncOrders.snapshot)

    def watch(self, **options: Unpack[WatchOptions]) -> Watch:
        """See AsyncOrders.watch."""
        return Watch(self._portal, self._async.watch(**options))

    def on_change(
        self, callback: Callable[[FeedEvent], object], **options: Unpack[WatchOptions]
    ) -> Subscription:
        """See AsyncOrders.on_change; the callback runs in a thread of its own."""
        return Subscription(self.watch(**options).start(), callback)


class Addresses(Blocking[AsyncAddresses]):
    """See AsyncAddresses: the same, and each method waits."""

    list = blocking(AsyncAddresses.list)
    add = blocking(AsyncAddresses.add)
    change = blocking(AsyncAddresses.change)
    remove = blocking(AsyncAddresses.remove)
    set_default = blocking(AsyncAddresses.set_default)


class Account(Blocking[AsyncAccount]):
    """See AsyncAccount: the same, and each method waits."""

    profile = blocking(AsyncAccount.profile)
    rename = blocking(AsyncAccount.rename)
    preferences = blocking(AsyncAccount.preferences)
    update_preferences = blocking(AsyncAccount.update_preferences)

    @property
    def addresses(self) -> Addresses:
        """My address book."""
        return Addresses(self._portal, self._async.addresses)


class Orderbase:
    """A shop, for code that blocks.

        with Orderbase(url, key) as shop:
            shop.auth.sign_in_as_guest()
            products = shop.products.list(search="coffee")

    One instance serves one user: it holds that user's session. Threads may share it; then, and
    while orders are watched, an event loop runs behind it in a thread of its own. See
    AsyncOrderbase for what the arguments mean.

    Attributes:
        auth (Auth): signs people in and out.
        products (Products): what the shop sells.
        orders (Orders): the orders of whoever is signed in.
        account (Account): what they have told the shop about themselves.

    Raises:
        ValueError: `url` or `key` is empty, or `url` is not an http(s) address.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        deadline: float = 30.0,
        retries: int = 2,
        storage: SessionStorage | None = None,
        transport: Transport | None = None,
    ) -> None:
        shop = AsyncOrderbase(
            url,
            key,
            timeout=timeout,
            deadline=deadline,
            retries=retries,
            storage=storage,
            transport=transport,
        )
        self._serve(shop, Portal(shop.aclose), owns_portal=True)

    def _serve(self, shop: AsyncOrderbase, portal: Portal, *, owns_portal: bool) -> None:
        self._async = shop
        self._portal = portal
        self._owns_portal = owns_portal
        self.auth = Auth(portal, shop.auth)
        self.products = Products(portal, shop.products)
        self.orders = Orders(portal, shop.orders)
        self.account = Account(portal, shop.account)

    def as_user(self, access_token: str) -> Orderbase:
        """See AsyncOrderbase.as_user; it also shares the thread."""
        return self._for(self._async.as_user(access_token))

    def with_session(self, storage: SessionStorage | None = None) -> Orderbase:
        """See AsyncOrderbase.with_session; it also shares the thread."""
        return self._for(self._async.with_session(storage))

    def _for(self, asynchronous: AsyncOrderbase) -> Orderbase:
        shop = object.__new__(Orderbase)
        shop._serve(asynchronous, self._portal, owns_portal=False)
        return shop

    @cached_property
    def staff(self) -> Staff:
        """See AsyncOrderbase.staff."""
        from orderbase.staff import Staff  # noqa: PLC0415 - most programs need it never

        return Staff(self._portal, self._async.staff)

    def rows(self, table: type[Table[R, I, U]]) -> Rows[R, I, U]:
        """See AsyncOrderbase.rows."""
        from orderbase._blocking_rows import Rows  # noqa: PLC0415 - most programs need it never

        return Rows(self._portal, self._async.rows(table))

    def verb(
        self,
        name: str,
        arguments: Mapping[str, object],
        result: type[T] | TypeAdapter[T],
        *,
        repeat: bool = False,
    ) -> T:
        """See AsyncOrderbase.verb."""
        return self._portal.run(self._async.verb(name, arguments, result, repeat=repeat))

    @cached_property
    def supabase(self) -> Client:
        """See AsyncOrderbase.supabase; this one blocks."""
        from orderbase._supabase import blocking_client  # noqa: PLC0415 - imports for long

        sender = self._async._sender  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return blocking_client(sender, self._portal, self._async.auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The session stays valid on the server: see `auth.sign_out`."""
        official = vars(self).get("supabase")
        if official is not None:
            official.options.httpx_client.close()
        if self._owns_portal:
            self._portal.close()
