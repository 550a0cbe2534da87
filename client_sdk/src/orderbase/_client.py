"""The way in, for asyncio."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from orderbase._account import AsyncAccount
from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._http import AiohttpTransport, Transport, is_address, is_header
from orderbase._products import AsyncProducts
from orderbase._send import Patience, Sender
from orderbase._session import MemoryStorage, SessionStorage, session_of_token

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from supabase import AsyncClient

    from orderbase._columns import I, Table, U
    from orderbase._facts import R
    from orderbase._rows import AsyncRows
    from orderbase.staff import AsyncStaff

T = TypeVar("T")


class AsyncOrderbase:
    """A shop.

        async with AsyncOrderbase(url, key) as shop:
            await shop.auth.sign_in_as_guest()
            products = await shop.products.list(search="coffee")

    One instance serves one user: it holds that user's session. `as_user` and `with_session` serve
    others beside it. Use it within one event loop.

    Args:
        url: address of the Supabase project.
        key: its publishable key; or a secret key, on a server you trust.
        timeout: seconds that one attempt of a call may take.
        deadline: seconds that a call may take with all its attempts.
        retries: how often a call is sent again after a lost connection or a passing failure, if
            it only reads, or has a key.
        storage: keeps the session, and has the one to begin with; in memory by default.
        transport: carries the requests, and is closed with the client; aiohttp by default.

    Attributes:
        auth (AsyncAuth): signs people in and out.
        products (AsyncProducts): what the shop sells.
        orders (AsyncOrders): the orders of whoever is signed in.
        account (AsyncAccount): what they have told the shop about themselves.

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
        if not key or not is_header(key) or not is_address(url):
            raise ValueError("a shop needs the http(s) address of its project, and a key")
        patience = Patience(timeout, deadline, retries)
        sender = Sender(
            transport or AiohttpTransport(), url=url.rstrip("/"), key=key, patience=patience
        )
        self._serve(sender, AsyncAuth(sender, storage or MemoryStorage()), owns_sender=True)

    def _serve(self, sender: Sender, auth: AsyncAuth, *, owns_sender: bool) -> None:
        self._sender = sender
        self._owns_sender = owns_sender
        self.auth = auth
        self.products = AsyncProducts(sender, auth)
        self.orders = AsyncOrders(sender, auth)
        self.account = AsyncAccount(sender, auth)

    def as_user(self, access_token: str) -> AsyncOrderbase:
        """The same shop for the user of an access token, over the same connections.

        It costs next to nothing, so a web server can have one per request. It needs no closing,
        as it ends with this client. It knows nobody's password, and its calls are refused once
        the token is too old: the server checks that.

        Raises:
            AuthError: it is not the access token of a user.
        """
        session = session_of_token(access_token)
        return self._for(AsyncAuth(self._sender, MemoryStorage(), session))

    def with_session(self, storage: SessionStorage | None = None) -> AsyncOrderbase:
        """The same shop for whoever's session is in the storage, over the same connections.

        Whoever signs in there is signed in nowhere else: so a web server can let each visitor in.
        It costs next to nothing, and needs no closing.

        Args:
            storage: keeps the session, and has the one to begin with; by default one of its own,
                in memory.
        """
        return self._for(AsyncAuth(self._sender, storage or MemoryStorage()))

    def _for(self, auth: AsyncAuth) -> AsyncOrderbase:
        shop = object.__new__(AsyncOrderbase)
        shop._serve(self._sender, auth, owns_sender=False)
        return shop

    @cached_property
    def staff(self) -> AsyncStaff:
        """The back office, for the shop's staff."""
        from orderbase.staff import AsyncStaff  # noqa: PLC0415 - most programs need it never

        return AsyncStaff(self._sender, self.auth)

    def rows(self, table: type[Table[R, I, U]]) -> AsyncRows[R, I, U]:
        """The rows of any table, typed: `orderbase.tables` has them all.

            paid = await shop.rows(tables.Orders).where(tables.Orders.status == "paid").all()

        What else can be asked of them: see AsyncRows.
        """
        from orderbase._rows import rows_of  # noqa: PLC0415 - most programs need it never

        return rows_of(self._sender, self.auth, table)

    async def verb(
        self,
        name: str,
        arguments: Mapping[str, object],
        result: type[T] | TypeAdapter[T],
        *,
        repeat: bool = False,
    ) -> T:
        """Call a function of the database, also one that has no method here.

            position = await shop.verb("order_feed_head", {}, str, repeat=True)

        Args:
            name: of the function.
            arguments: by name: whatever JSON can hold, and ids, moments and models.
            result: the type to read the answer as; NoneType if there is none.
            repeat: whether it may be sent again after a lost answer, as it only reads, or does
                nothing the second time.
        """
        from orderbase._verb import verb  # noqa: PLC0415 - most programs need it never

        return await self._sender.send(verb(name, arguments, result, repeat=repeat), self.auth)

    @cached_property
    def supabase(self) -> AsyncClient:
        """The official client, which calls as the same user; its errors are its own.

        It needs the package `supabase`: install `orderbase[supabase]`.
        """
        from orderbase._supabase import async_client  # noqa: PLC0415 - imports for long

        return async_client(self._sender, self.auth)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, and end what is watched. Nothing can be called any more.

        The session stays valid on the server: see `auth.sign_out`.
        """
        official = vars(self).get("supabase")
        if official is not None:
            await official.options.httpx_client.aclose()
        if self._owns_sender:
            await self._sender.aclose()
