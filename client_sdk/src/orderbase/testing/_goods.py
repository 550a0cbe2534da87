"""What a test puts on the shelves of a fake shop."""

from collections.abc import Mapping
from uuid import UUID

from orderbase import _products
from orderbase.models import Product
from orderbase.money import Money
from orderbase.testing._inside import Inside, id_of
from orderbase.testing._store import Row


class Goods(Inside):
    """Products, prices and stock."""

    def add_product(
        self,
        *,
        name: str = "Product",
        price: Money,
        slug: str | None = None,
        stock: int = 100,
        prices: Mapping[str, Money] | None = None,
        description: str = "",
        active: bool = True,
    ) -> Product:
        """Sell something.

        Args:
            name: 1 to 200 characters.
            price: what one costs.
            slug: lower-case words and hyphens; made up unless given.
            stock: how many there are.
            prices: other prices by country of delivery (ISO 3166-1).
            description: up to 10 000 characters.
            active: whether it is on sale.

        Raises:
            ValueError: a real shop would not take it.
        """
        with self._parts.server.lock:
            product = self._parts.catalogue.add(
                slug=slug,
                name=name,
                price=price,
                prices=prices or {},
                stock=stock,
                description=description,
                active=active,
            )
        return self.product(product["id"])

    def product(self, product: Product | UUID | str) -> Product:
        """A product as it is now, also if it is not on sale.

        Raises:
            NotFound: there is none.
        """
        return self._read(_products.get_product(id_of(product), None, images=False))

    def set_price(self, product: Product | UUID | str, price: Money) -> None:
        """Sell it for another price from now on."""
        changes: Row = {"price": price.amount, "currency": price.currency}
        self._change(product, changes)

    def set_stock(self, product: Product | UUID | str, available: int) -> None:
        """Let so many be free to order, beside those that are promised."""
        with self._parts.server.lock:
            self._parts.catalogue.set_stock(id_of(product), available)

    def take_off_sale(self, product: Product | UUID | str) -> None:
        """Sell it no longer."""
        self._change(product, {"active": False})

    def _change(self, product: Product | UUID | str, changes: Row) -> None:
        with self._parts.server.lock:
            self._parts.catalogue.change(id_of(product), changes)
