"""Products for tests, each with stock of its own."""

import uuid
from collections.abc import Callable

import psycopg

from local_stack.settings import Settings


def product_maker(settings: Settings) -> Callable[..., str]:
    """Makes products with so many in stock, at a price in minor units; returns their ids."""

    def make(stock: int = 100, price: int = 1000, currency: str = "EUR") -> str:
        slug = f"test-{uuid.uuid4().hex}"
        with psycopg.connect(settings.database_url()) as connection:
            row = connection.execute(
                "insert into public.products (slug, name, price, currency)"
                " values (%s, %s, %s, %s) returning id::text",
                (slug, slug, price, currency),
            ).fetchone()
            assert row
            if stock:
                connection.execute(
                    "insert into public.stock_movements"
                    " (product_id, kind, on_hand_change, reserved_change)"
                    " values (%s, 'received', %s, 0)",
                    (row[0], stock),
                )
        return str(row[0])

    return make
