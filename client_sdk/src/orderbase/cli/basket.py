"""What is ordered: how a command says it, and what it costs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orderbase._sync import Orderbase
from orderbase.cli import render
from orderbase.cli.shop import UsageError
from orderbase.errors import InvalidRequest, NotFound
from orderbase.models import Product
from orderbase.money import Money

_QUANTITY = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Line:
    """So many of a product."""

    product: Product
    quantity: int

    @property
    def total(self) -> Money:
        """What they cost."""
        return self.product.price * self.quantity


def quantities(words: Sequence[str]) -> dict[str, int]:
    """How many of which slug.

    Raises:
        UsageError: something else than SLUG or SLUG=QUANTITY.
    """
    wanted: dict[str, int] = {}
    for word in words:
        slug, equals, quantity = word.partition("=")
        if not slug or (equals and not _QUANTITY.fullmatch(quantity)):
            raise UsageError(f"{word!r} is not SLUG or SLUG=QUANTITY.")
        wanted[slug] = wanted.get(slug, 0) + int(quantity or "1")
    return wanted


def lines(shop: Orderbase, wanted: dict[str, int], country: str) -> list[Line]:
    """The products as they are sold in a country."""
    with render.waiting("Reading the catalogue"):
        return [Line(_product(shop, slug, country), quantity) for slug, quantity in wanted.items()]


def _product(shop: Orderbase, slug: str, country: str) -> Product:
    try:
        return shop.products.get(slug, country=country)
    except NotFound as error:
        raise NotFound(f"There is no product {slug!r} on sale.", code=error.code) from None


def total(basket: Sequence[Line]) -> Money:
    """What all of it costs.

    Raises:
        InvalidRequest: "mixed_currencies", as the shop would say.
    """
    if len({line.total.currency for line in basket}) > 1:
        message = "These products are not sold in one currency there."
        raise InvalidRequest(message, code="mixed_currencies")
    first, *others = (line.total for line in basket)
    return sum(others, first)
