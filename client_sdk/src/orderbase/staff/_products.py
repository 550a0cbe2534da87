"""The catalogue, as the staff edit it."""

from operator import attrgetter
from typing import Unpack, cast
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, one, rpc, select
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._ids import as_uuid, is_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import Page
from orderbase._products import searched
from orderbase.models.base import DEFERRED
from orderbase.money import Money
from orderbase.staff._product_models import ProductChanges, ProductOptions, StaffProduct
from orderbase.staff._resource import StaffResource

_PRODUCTS = TypeAdapter(list[StaffProduct], config=DEFERRED)
_COLUMNS = (
    "id,slug,name,description,price,currency,active,version,created_at,updated_at,"
    "prices:product_prices(country,price,currency)"
)
_BY_COUNTRY = {"prices.order": "country"}
_PRICED = frozenset({"price", "prices"})
_BY_NAME: Listing[StaffProduct] = Listing(
    "staff products", (Key("name"), Key("id")), attrgetter("name", "id")
)


def _list_products(
    active: bool | None, search: str | None, limit: int, after: str | None
) -> Call[Page[StaffProduct]]:
    conditions = [] if active is None else [f"active.is.{str(active).lower()}"]
    asked = [*conditions, *searched(search)]
    return _BY_NAME.call(("products", _COLUMNS), _PRODUCTS, asked, limit, after, _BY_COUNTRY)


def _get_product(product: UUID | str) -> Call[StaffProduct]:
    column = "id" if is_uuid(product) else "slug"
    parse = one(_PRODUCTS, "product_not_found", "There is no such product.")
    return select("products", parse, _COLUMNS, {column: f"eq.{product}"} | _BY_COUNTRY)


def _fields(given: ProductChanges) -> dict[str, JsonValue]:
    """Fields of a product as the database takes them; what is None is not given."""
    # Also what is no field, or of another type: left out, it would seem to be done.
    fields = {
        name: cast(JsonValue, value)
        for name, value in given.items()
        if name not in _PRICED and value is not None
    }
    price, prices = given.get("price"), given.get("prices")
    if price is not None:
        fields |= _amount(price)
    if prices is not None:
        fields["prices"] = [
            {"country": country, **_amount(amount)} for country, amount in prices.items()
        ]
    return fields


def _amount(price: Money) -> dict[str, JsonValue]:
    return {"price": price.amount, "currency": price.currency}


class AsyncStaffProducts(StaffResource):
    """The catalogue, with what is not on sale."""

    async def list(
        self,
        *,
        active: bool | None = None,
        search: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[StaffProduct]:
        """A page of the catalogue, by name.

        Args:
            active: only what is on sale (True), or is not (False).
            search: words that name or description must have; `"a phrase"`, `or` and `-without`
                work as in web search. Blank text asks for nothing.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_products(active, search, limit, after))

    def each(
        self, *, active: bool | None = None, search: str | None = None
    ) -> AsyncEach[StaffProduct]:
        """The catalogue, to iterate over: read page by page.

        Args:
            active: see `list`.
            search: see `list`.
        """
        return AsyncEach(
            lambda after: self.list(active=active, search=search, limit=EACH_TIME, after=after)
        )

    async def get(self, product: UUID | str) -> StaffProduct:
        """One product, by its id or slug.

        Raises:
            NotFound: there is no such product.
        """
        return await self._call(_get_product(product))

    async def create(
        self, *, slug: str, name: str, price: Money, **others: Unpack[ProductOptions]
    ) -> StaffProduct:
        """Put a product into the catalogue. It has no stock yet.

        It is sent once: after a lost connection, `get` it by its slug to see whether it is there.

        Args:
            slug: see ProductChanges.
            name: see ProductChanges.
            price: see ProductChanges.
            **others: see ProductOptions.

        Raises:
            Conflict: "slug_taken".
            InvalidRequest: "invalid_product", whose `context` may name the `field`.
        """
        product = _fields({**others, "slug": slug, "name": name, "price": price})
        parse = StaffProduct.model_validate_json
        call = rpc("create_product", parse, {"product": product}, repeatable=False)
        return await self._call(call)

    async def change(
        self, product_id: UUID | str, *, version: int | None, **changes: Unpack[ProductChanges]
    ) -> StaffProduct:
        """Change those fields of a product that are given.

        It is sent once if it has a version: sent again, it would contradict itself.

        Args:
            product_id: which product.
            version: the one that you saw: refused if somebody has changed it since. None:
                whatever it is now.
            **changes: see ProductChanges.

        Raises:
            NotFound: there is no such product.
            Conflict: "precondition_failed": it has another version, which `context` has.
                "slug_taken".
            InvalidRequest: "invalid_product", whose `context` may name the `field`.
        """
        arguments: dict[str, JsonValue] = {
            "product_id": str(as_uuid(product_id, "product_id")),
            "changes": _fields(changes),
            "versions": None if version is None else [str(version)],
        }
        parse, repeatable = StaffProduct.model_validate_json, version is None
        return await self._call(rpc("update_product", parse, arguments, repeatable=repeatable))


class StaffProducts(Blocking[AsyncStaffProducts]):
    """See AsyncStaffProducts: the same, and each method waits."""

    list = blocking(AsyncStaffProducts.list)
    each = iterating(AsyncStaffProducts.each)
    get = blocking(AsyncStaffProducts.get)
    create = blocking(AsyncStaffProducts.create)
    change = blocking(AsyncStaffProducts.change)
