"""Many buyers at once, each with a user and a token of their own."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import psycopg

from local_stack.settings import Settings
from tests.end_to_end.conftest import ADDRESS

Row = dict[str, Any]


@dataclass(frozen=True)
class Buyer:
    """Somebody who is signed in."""

    id: uuid.UUID
    token: str


def buyers(settings: Settings, many: int) -> list[Buyer]:
    """Accounts as Auth would make them, without its work for passwords."""
    ids = [uuid.uuid4() for _ in range(many)]
    with psycopg.connect(settings.database_url("supabase_auth_admin")) as connection:
        connection.cursor().executemany(
            "insert into auth.users (id, email) values (%s, %s)",
            [(user, f"{user}@example.com") for user in ids],
        )
    return [Buyer(user, _token(settings, user)) for user in ids]


def _token(settings: Settings, user: uuid.UUID) -> str:
    claims = {"sub": str(user), "role": "authenticated", "exp": int(time.time()) + 3600}
    return jwt.encode(claims, settings.keys.jwt_secret, "HS256")


def basket(*products: str, **changed: object) -> Row:
    """A request for one of each, with a card that works unless said otherwise."""
    return {
        "items": [{"product_id": product, "quantity": 1} for product in products],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
    } | changed


async def order(
    session: aiohttp.ClientSession, settings: Settings, buyer: Buyer, request: Row
) -> tuple[int, Row]:
    """The status and body of one call of `place_order`."""
    headers = {
        "apikey": settings.keys.publishable_key,
        "Authorization": f"Bearer {buyer.token}",
    }
    url = f"{settings.api_url}/rest/v1/rpc/place_order"
    async with session.post(url, json=request, headers=headers) as answer:
        return answer.status, await answer.json()
