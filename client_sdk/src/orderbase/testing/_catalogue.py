"""The fake shop's catalogue: products, prices and stock."""

import re
from collections.abc import Mapping

from orderbase.money import Money
from orderbase.testing._store import Row, Store
from orderbase.testing._words import vector

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")


class Catalogue:
    """Adds products and stock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        *,
        slug: str | None,
        name: str,
        price: Money,
        prices: Mapping[str, Money],
        stock: int,
        description: str,
        active: bool,
    ) -> Row:
        """A new product.

        Raises:
            ValueError: the real shop would not take it.
        """
        slug = slug or f"product-{self._store.count('slugs')}"
        if not _SLUG.fullmatch(slug) or self._store.find("products", slug=slug):
            raise ValueError(f"{slug!r} is no slug, or is taken")
        if not 1 <= len(name) <= 200 or min(price.amount, stock) < 0:
            raise ValueError("a product has a name, and no negative price or stock")
        product: Row = {
            **self._store.born(),
            "slug": slug,
            "name": name,
            "description": description,
            "price": price.amount,
            "currency": price.currency,
            "active": active,
            "version": 1,
            "search": vector(f"{name} {description}"),
        }
        self._store.insert("products", product)
        for country, market_price in prices.items():
            self._add_price(product, country, market_price)
        self._store.insert("inventory", {"product_id": product["id"], "on_hand": 0, "reserved": 0})
        move_stock(self._store, product["id"], on_hand=stock)
        return product

    def change(self, product_id: str, changes: Row) -> None:
        """Give a product other values."""
        product = self._store.get("products", id=product_id)
        product |= changes
        product["version"] += 1
        self._store.touch(product)

    def set_stock(self, product_id: str, available: int) -> None:
        """Let so many be free to order.

        Raises:
            ValueError: it is negative.
        """
        if available < 0:
            raise ValueError("there is never less than no stock")
        stock = self._store.get("inventory", product_id=product_id)
        move_stock(self._store, product_id, on_hand=available - stock["available"])

    def _add_price(self, product: Row, country: str, price: Money) -> None:
        if not _COUNTRY.fullmatch(country):
            raise ValueError(f"{country!r} is not an ISO 3166-1 code of two capital letters")
        row = {"product_id": product["id"], "country": country}
        row |= {"price": price.amount, "currency": price.currency}
        self._store.insert("product_prices", row)


def move_stock(store: Store, product_id: str, *, on_hand: int = 0, reserved: int = 0) -> None:
    """Change a product's balances by so many."""
    stock = store.get("inventory", product_id=product_id)
    stock["on_hand"] += on_hand
    stock["reserved"] += reserved
    stock["available"] = stock["on_hand"] - stock["reserved"]
