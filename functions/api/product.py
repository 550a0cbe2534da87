"""GET /products/{productId}: a product on sale, from the cache."""

import re
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from functions.api.clients import Clients
from functions.api.conditional import answer
from functions.api.ids import ProductId
from functions.api.models import Country
from functions.api.problem_schema import problems
from functions.api.product_view import Product, headers_of, render
from functions.kit.problems import Problem

_INSISTS = re.compile(r"\bno-cache\b")

router = APIRouter(tags=["products"], responses=problems(404, 422, 429, 503))


@router.get(
    "/products/{product_id}",
    operation_id="getProduct",
    response_model=Product,
    responses={304: {"description": "The caller has it already."}},
)
async def get_product(
    request: Request, product_id: ProductId, api: Clients, country: Country | None = None
) -> Response:
    """A product with its price in a country. `Cache-Control: no-cache` insists on the newest."""
    found = await api.products.find(
        str(product_id),
        insists=bool(_INSISTS.search(request.headers.get("cache-control", "").lower())),
        admit=partial(_admit, request, api),
    )
    headers = headers_of(found)
    if found.entry is None:
        detail = "There is no such product on sale."
        headers |= {"Cache-Control": "no-store"}
        raise Problem(HTTPStatus.NOT_FOUND, "product_not_found", detail, headers=headers)
    body, tag = render(found.entry, country)
    return answer(request, body, tag, headers)


async def _admit(request: Request, api: Clients) -> None:
    """Only who makes us ask the database is counted: answers are the same for all."""
    await api.limits.take(api.proxies.client_of(request), is_known=False)
