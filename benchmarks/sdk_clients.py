"""The SDK and supabase-py, signed in as the same shopper, with the same calls."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from supabase import AsyncClient, Client
from yarl import URL

from benchmarks.shop import ADDRESS, order, token
from local_stack.settings import Settings
from orderbase import Address, AsyncOrderbase, Orderbase, Request, Response
from orderbase._http import AiohttpTransport
from orderbase._orders import _ORDER_COLUMNS
from orderbase._product_columns import COLUMNS
from orderbase.tables import Products

LISTED = 1000
_PRODUCT = "00000000-0000-4000-9000-100000000001"
_PRODUCT_ID = UUID(_PRODUCT)
_ADDRESS = Address(**ADDRESS)

Call = Callable[[], Awaitable[object]]


class Direct(AiohttpTransport):
    """Past the gateway."""

    async def send(self, request: Request) -> Response:
        return await super().send(replace(request, url=request.url.replace("/rest/v1", "", 1)))


class Shops:
    """One client of each kind, signed in as the same shopper."""

    def __init__(self, settings: Settings) -> None:
        key, self.token = settings.keys.publishable_key, token(settings, 1)
        self.blocking = Orderbase(settings.rest_url, key, transport=Direct())
        self.ours = AsyncOrderbase(settings.rest_url, key, transport=Direct())
        self.theirs = AsyncClient(settings.rest_url, key)
        self.theirs_blocking = Client(settings.rest_url, key)
        for client in (self.theirs, self.theirs_blocking):
            client.rest_url = URL(settings.rest_url)
            client.postgrest.auth(self.token)

    def placing(self) -> Mapping[str, Call]:
        """Calls that place an order of three products."""
        shop = self.ours.as_user(self.token)

        async def ours() -> object:
            return await place(shop)

        async def theirs() -> object:
            return await self.theirs.rpc("place_order", order()).execute()

        return {"ours": ours, "supabase-py": theirs}

    def reading_a_row(self) -> Mapping[str, Call]:
        """Calls that read one row of one table by its key."""
        rows = self.ours.as_user(self.token).rows(Products)

        async def ours() -> object:
            return await rows.where(Products.id == _PRODUCT_ID).one()

        async def theirs() -> object:
            return await self.theirs.table("products").select("*").eq("id", _PRODUCT).execute()

        return {"ours": ours, "supabase-py": theirs}

    def reading(self) -> Mapping[str, Call]:
        """Calls that read one product with its stock."""
        shop = self.ours.as_user(self.token)

        async def ours() -> object:
            return await shop.products.get(_PRODUCT)

        async def theirs() -> object:
            return await self._product(self.theirs).execute()

        return {"ours": ours, "supabase-py": theirs}

    def listing(self) -> Mapping[str, Call]:
        """Calls that list a thousand orders with their items."""
        shop = self.ours.as_user(self.token)
        columns = "".join(_ORDER_COLUMNS.split())

        async def ours() -> object:
            orders = await shop.orders.list(limit=LISTED)
            assert len(orders) == LISTED
            return orders

        async def theirs() -> object:
            query = self.theirs.table("orders").select(columns)
            query = query.order("created_at", desc=True).order("id", desc=True)
            answer = await query.limit(LISTED).execute()
            assert len(answer.data) == LISTED
            return answer

        return {"ours": ours, "supabase-py": theirs}

    def reading_in_turn(self) -> Mapping[str, Callable[[], object]]:
        """The same read, of code that blocks."""
        shop = self.blocking.as_user(self.token)
        return {
            "ours": lambda: shop.products.get(_PRODUCT),
            "supabase-py": lambda: self._product(self.theirs_blocking).execute(),
        }

    @staticmethod
    def _product(client: Any) -> Any:  # noqa: ANN401 - of either kind
        return client.table("products").select(COLUMNS).eq("id", _PRODUCT)


async def place(shop: AsyncOrderbase) -> object:
    """An order of three products."""
    lines = {line["product_id"]: line["quantity"] for line in order()["items"]}
    return await shop.orders.place(lines, shipping_address=_ADDRESS, payment_method="pm_card_visa")
