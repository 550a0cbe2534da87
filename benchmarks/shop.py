"""Shoppers and products for orders by the thousand."""

import random
import uuid
from pathlib import Path
from typing import Any

import jwt
import psycopg

from local_stack.settings import Settings
from local_stack.tokens import LEGACY_ALGORITHM, Tokens, now

SQL = Path(__file__).parent / "sql"
SHOPPERS = 1000
_PRODUCTS = 5000
_FIRST = 100_000_000_000
ADDRESS = {
    "name": "Bench",
    "line1": "1 Example Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


def execute(database: Settings | str, statements: str) -> None:
    """Run SQL in a stack's database as the owner of the tables, or where an address says."""
    url = database if isinstance(database, str) else database.database_url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


def open_shop(database: Settings | str) -> None:
    """Add them to a new database."""
    execute(database, (SQL / "shop.sql").read_text("utf-8"))


def promise_to_look(database: Settings | str) -> None:
    """Say what a worker says that is there: it looks at all queues without being woken."""
    execute(database, "insert into private.drains select name, 'infinity' from private.queues")


def shopper(number: int) -> str:
    """The user id of one of them."""
    return f"00000000-0000-4000-a000-{_FIRST + number}"


def token(settings: Settings, number: int, *, legacy: bool = False) -> str:
    """The access token of one of them, as Auth makes them; signed by the old secret if `legacy`."""
    claims = {
        "sub": shopper(number),
        "aud": "authenticated",
        "role": "authenticated",
        "email": f"shopper{number}@example.com",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "aal": "aal1",
        "session_id": f"00000000-0000-4000-b000-{_FIRST + number}",
        "iat": now(),
        "exp": now() + 3600,
    }
    if legacy:
        return jwt.encode(claims, settings.keys.jwt_secret, algorithm=LEGACY_ALGORITHM)
    return Tokens(settings.keys).sign(claims)


def order() -> dict[str, Any]:
    """The arguments of a call of `place_order`: three products, a key of its own."""
    products = random.sample(range(_PRODUCTS), 3)
    return {
        "items": [
            {"product_id": f"00000000-0000-4000-9000-{_FIRST + product}", "quantity": quantity}
            for product, quantity in zip(products, (1, 2, 1), strict=True)
        ],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
    }
