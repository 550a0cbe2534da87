"""GET /pricing: what things cost in the caller's country."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from functions.api.clients import Clients
from functions.api.conditional import answer, tag_of
from functions.api.models import Country, Fields, Page
from functions.api.problem_schema import problems

_CACHING = {
    "Cache-Control": "public, max-age=3600",
    "CDN-Cache-Control": "max-age=86400",
}
# The page and one row more must fit into what PostgREST answers at most (`max_rows`, 1000).
_MOST = 500

router = APIRouter(tags=["prices"], responses=problems(422, 429, 503))


class Price(Fields):
    """Of one product, in minor units of `currency`."""

    product_id: UUID
    price: int
    currency: str


class Pricing(Page[Price]):
    """Prices in a country; without one, those where a product has no other."""

    country: str | None


@router.get(
    "/pricing",
    operation_id="getPricing",
    response_model=Pricing,
    responses={304: {"description": "The caller has it already."}},
)
async def get_pricing(
    request: Request,
    api: Clients,
    country: Country | None = None,
    product: Annotated[list[UUID] | None, Query(max_length=100)] = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _MOST,
) -> Response:
    """What is on sale and its price, by product id: of the `product`s named, or of all.

    The country is that of the caller, as our own proxies tell it, unless the query names one. What
    an order is charged depends on where it is delivered, and is told by a quote.
    """
    await api.limits.take(api.proxies.client_of(request), is_known=False)
    place = api.countries.of(request, country)
    rows = await api.database.call(
        "product_pricing",
        {
            "country": place,
            "product_ids": [str(one) for one in product] if product else None,
            "after": str(cursor) if cursor else None,
            "max_rows": limit + 1,
        },
    )
    shown = [Price.model_validate(row) for row in rows[:limit]]
    following = str(shown[-1].product_id) if len(rows) > limit else None
    pricing = Pricing(country=place, data=shown, next_cursor=following)
    body = pricing.model_dump_json(by_alias=True).encode()
    varies = {} if country else {"Vary": ", ".join(api.countries.headers)}
    return answer(request, body, tag_of(body), _CACHING | varies)
