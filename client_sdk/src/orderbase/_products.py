"""The catalogue."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypedDict, Unpack
from urllib.parse import quote
from uuid import UUID

from pydantic import TypeAdapter

from orderbase._call import Call, one, select
from orderbase._each import EACH_TIME, AsyncEach
from orderbase._filters import amount_is, compared
from orderbase._ids import is_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing, choose, filtered
from orderbase._page import Page
from orderbase._product_columns import source
from orderbase._resource import Resource
from orderbase.models import DEFERRED, ImageFormat, Product, ProductImage
from orderbase.money import Money

ProductsBy: TypeAlias = Literal["name", "cheapest", "dearest", "newest"]
"""Which products come first."""

_PRODUCTS = TypeAdapter(list[Product], config=DEFERRED)
_IN_STOCK = {"inventory.available": "gt.0"}
_ASKED_OTHERWISE = frozenset({"search", "in_stock", "country", "images"})


class ProductFilters(TypedDict, total=False):
    """Which products are wanted: those that fulfil all that is given. By default all on sale.

    Attributes:
        search: words that name or description must have; `"a phrase"`, `or` and `-without` work
            as in web search. Blank text asks for nothing.
        price_at_least: only those that cost this or more, in the same currency. Prices of
            markets do not count here.
        price_at_most: only those that cost this or less, in the same currency.
        in_stock: only those that can be ordered now.
        order_by: what comes first: by "name", unless it is "cheapest", "dearest" (of one
            currency after the other) or "newest".
        country: where it would be delivered: `price` is that of this market, ISO 3166-1. Filters
            and orders by price go by the base price all the same.
        images: bring the first picture of each; `get` can bring all of one product.
    """

    search: str | None
    price_at_least: Money | None
    price_at_most: Money | None
    in_stock: bool
    order_by: ProductsBy
    country: str | None
    images: bool


_BY_PRICE = attrgetter("base_currency", "base_price_amount", "id")
_LISTINGS: dict[str, Listing[Product]] = {
    "name": Listing("products name", (Key("name"), Key("id")), attrgetter("name", "id")),
    "cheapest": Listing("products cheapest", (Key("currency"), Key("price"), Key("id")), _BY_PRICE),
    "dearest": Listing(
        "products dearest", (Key("currency"), Key("price", descending=True), Key("id")), _BY_PRICE
    ),
    "newest": Listing(
        "products newest",
        (Key("created_at", descending=True), Key("id")),
        attrgetter("created_at", "id"),
    ),
}


def _of_price(operator: str) -> Callable[[Money], str]:
    return lambda money: amount_is(operator, "price", money)


_CONDITIONS: dict[str, Callable[[Any], str]] = {
    "price_at_least": _of_price("gte"),
    "price_at_most": _of_price("lte"),
}


def searched(words: str | None) -> list[str]:
    """The condition that a product has these words; none if there are none."""
    return [compared("search", "wfts(english)", words)] if words and words.strip() else []


def list_products(
    limit: int, after: str | None, **wanted: Unpack[ProductFilters]
) -> Call[Page[Product]]:
    """A page of what is on sale.

    Raises:
        InvalidRequest: "invalid_limit", "invalid_cursor", "invalid_order_by", "invalid_country".
    """
    listed = choose(_LISTINGS, wanted.get("order_by", "name"))
    others = {name: value for name, value in wanted.items() if name not in _ASKED_OTHERWISE}
    asked = ["active.is.true", *searched(wanted.get("search")), *filtered(_CONDITIONS, others)]
    images = wanted.get("images", False)
    columns, params = source(wanted.get("country"), images=images, most_images=1)
    if wanted.get("in_stock"):
        columns, params = columns.replace("inventory(", "inventory!inner("), params | _IN_STOCK
    return listed.call(("products", columns), _PRODUCTS, asked, limit, after, params)


def get_product(product: UUID | str, country: str | None, *, images: bool) -> Call[Product]:
    columns, params = source(country, images=images)
    column = "id" if is_uuid(product) else "slug"
    parse = one(_PRODUCTS, "product_not_found", "There is no such product.")
    return select("products", parse, columns, {column: f"eq.{product}"} | params)


class AsyncProducts(Resource):
    """What the shop sells. No sign-in is needed."""

    async def list(
        self, *, limit: int = 100, after: str | None = None, **wanted: Unpack[ProductFilters]
    ) -> Page[Product]:
        """A page of what is on sale, by name.

        Args:
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.
            **wanted: see ProductFilters.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor", "invalid_order_by",
                "invalid_country".
        """
        return await self._call(list_products(limit, after, **wanted))

    def each(self, **wanted: Unpack[ProductFilters]) -> AsyncEach[Product]:
        """Everything that is on sale, to iterate over: read page by page.

        Args:
            **wanted: see ProductFilters.
        """
        return AsyncEach(lambda after: self.list(limit=EACH_TIME, after=after, **wanted))

    async def get(
        self, product: UUID | str, *, country: str | None = None, images: bool = False
    ) -> Product:
        """One product, by its id or slug.

        Args:
            product: which one.
            country: where it would be delivered: `price` is that of this market, ISO 3166-1.
            images: bring all its pictures.

        Raises:
            NotFound: there is none, or it is not on sale.
            InvalidRequest: "invalid_country".
        """
        return await self._call(get_product(product, country, images=images))

    def image_url(
        self,
        image: ProductImage,
        *,
        width: int | None = None,
        format: ImageFormat = "webp",  # noqa: A002
    ) -> str:
        """Where everybody finds a picture.

        Args:
            image: of a product.
            width: pixels that it will be shown at: the smallest file that is as wide is found, or
                the widest. By default, and where there is no such file, the widest JPEG.
            format: "webp" is smaller, "jpeg" is for programs that do not know it.
        """
        variant = None if width is None else image.fitting(width, format)
        path = quote(image.path if variant is None else variant.path)
        return f"{self._sender.url}/storage/v1/object/public/product-images/{path}"
