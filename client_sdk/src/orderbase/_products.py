"""The catalogue."""

from uuid import UUID

from pydantic import TypeAdapter

from orderbase._call import Call, one, select
from orderbase._resource import Resource
from orderbase.models import DEFERRED, Product

_PRODUCTS = TypeAdapter(list[Product], config=DEFERRED)
_COLUMNS = (
    "id,slug,name,description,price,currency,created_at,updated_at,inventory(on_hand,reserved)"
)


def list_products(search: str | None, limit: int, offset: int) -> Call[list[Product]]:
    params = {
        "active": "is.true",
        "order": "name,id",
        "limit": str(limit),
        "offset": str(offset),
    }
    if search is not None:
        params["search"] = f"wfts(english).{search}"
    return select("products", _PRODUCTS.validate_json, _COLUMNS, params)


def get_product(product: UUID | str) -> Call[Product]:
    column = "id" if is_uuid(product) else "slug"
    parse = one(_PRODUCTS, "product_not_found", "There is no such product.")
    return select("products", parse, _COLUMNS, {column: f"eq.{product}"})


def is_uuid(value: UUID | str) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


class AsyncProducts(Resource):
    """What the shop sells. No sign-in is needed."""

    async def list(
        self, *, search: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[Product]:
        """What is on sale, by name.

        Args:
            search: words that name or description must have; `"a phrase"`, `or` and `-without`
                work as in web search.
            limit: at most this many, up to 1000.
            offset: leave out this many first.
        """
        return await self._call(list_products(search, limit, offset))

    async def get(self, product: UUID | str) -> Product:
        """One product, by its id or slug.

        Raises:
            NotFound: there is none, or it is not on sale.
        """
        return await self._call(get_product(product))
