"""GET /openapi.json: the document that describes the API (OpenAPI 3.1)."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from functions.api.problem_schema import ProblemDocument

router = APIRouter(include_in_schema=False)

_VERSION = "1.0.0"
_DESCRIPTION = """
Orders, products and users of a shop on Supabase.

- **Signing in** is Supabase Auth's: send its access token as a bearer token.
- **Errors** are problem details (RFC 9457): branch on `code`.
- **Amounts** are whole numbers in the minor unit of an ISO 4217 currency.
- **Unsafe calls** take an `Idempotency-Key`: the same key and body are one call.
- **Lists** come in pages: send `nextCursor` as `cursor`.
- **Limits**: `RateLimit-*` tell what is left of a minute's requests; 429 says `Retry-After`.
"""
_TAGS = {
    "me": "The caller's own profile and preferences.",
    "users": "Accounts of others, for staff.",
    "orders": "Placed by shoppers, seen by them and by staff.",
    "products": "The catalogue.",
    "prices": "Prices in a market.",
    "quotes": "Prices that an order can count on.",
    "experiments": "Which arm of an experiment somebody sees.",
}


@router.get("/openapi.json")
async def show(request: Request) -> Response:
    """Made when it is first asked for."""
    return Response(_render(request.app), media_type="application/json")


@cache
def _render(app: FastAPI) -> bytes:
    return json.dumps(_describe(app), ensure_ascii=False, separators=(",", ":")).encode()


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Orderbase",
        version=_VERSION,
        summary="The HTTP API of an Orderbase shop.",
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    used = {
        tag for path in document["paths"].values() for one in path.values() for tag in one["tags"]
    }
    document["tags"] = [
        {"name": name, "description": text} for name, text in _TAGS.items() if name in used
    ]
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    return document
