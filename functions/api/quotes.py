"""POST /quotes: a price that an order can count on for a while."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Response
from pydantic import Field

from functions.api.callers import AsCaller
from functions.api.models import Country, Fields, Request
from functions.api.order_bodies import WantedItem
from functions.api.problem_schema import problems
from functions.api.routing import api_router
from functions.kit.database import Row

router = api_router("quotes")


class QuoteRequest(Request):
    """What would be ordered, and the country that it would be delivered to."""

    example: ClassVar[Row] = {
        "items": [{"productId": "00000000-0000-4000-8000-000000000011", "quantity": 2}],
        "country": "DE",
    }
    items: Annotated[list[WantedItem], Field(min_length=1, max_length=100)]
    country: Country


class QuotedLine(Fields):
    """Price: minor units, of one."""

    product_id: UUID
    name: str
    quantity: int
    unit_price: int


class Quote(Fields):
    """`quote` is what an order sends along; amounts are minor units of `currency`."""

    quote: str
    country: str
    currency: str
    lines: list[QuotedLine]
    total: int
    arms: dict[str, str]
    """The caller's arms of experiments."""
    expires_at: datetime


@router.post(
    "/quotes",
    operation_id="createQuote",
    status_code=HTTPStatus.CREATED,
    responses=problems(400, 413, 415),
)
async def create_quote(wanted: QuoteRequest, response: Response, rest: AsCaller) -> Quote:
    """The price of these items for the caller, signed: an order that shows it in time pays it."""
    response.headers["Cache-Control"] = "private, no-store"
    items = [line.model_dump(mode="json") for line in wanted.items]
    quoted = await rest.call("quote_order", {"items": items, "country": wanted.country})
    return Quote.model_validate(quoted)
