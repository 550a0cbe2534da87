"""Baskets: checked and priced as the shop does it."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from orderbase.testing._refusals import refuse
from orderbase.testing._store import Row, Store

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REQUIRED = ("name", "line1", "city", "postal_code", "country")
_OPTIONAL = ("line2", "region")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HIDDEN = re.compile(r"[\x01-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_EMAIL = re.compile(r'[^@\s,;:<>()"\\]+@[^@\s,;:<>()"\\]+\.[^@\s,;:<>()"\\]+')
_MAX_ITEMS, _MAX_QUANTITY = 100, 1000


class Line(NamedTuple):
    """A product as it is ordered; `unit_price` in minor units."""

    product_id: str
    name: str
    quantity: int
    unit_price: int
    currency: str


def total(lines: Sequence[Line]) -> int:
    """What they cost, in minor units."""
    return sum(line.quantity * line.unit_price for line in lines)


def is_text(value: object, shortest: int, longest: int) -> bool:
    """Whether it is text of a length that counts no spaces, and hides nothing."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and len("".join(value.split())) >= shortest
        and not _HIDDEN.search(value)
    )


def check_items(items: object) -> dict[str, int]:
    """Quantities by product, each product once.

    Raises:
        Refusal: an item is none.
    """
    if not isinstance(items, list):
        raise refuse(422, "invalid_items", "The items must be a list.")
    listed = cast(list[object], items)
    if not 1 <= len(listed) <= _MAX_ITEMS:
        code = "too_many_items" if listed else "empty_basket"
        raise refuse(422, code, "An order has 1 to 100 items.")
    basket: dict[str, int] = {}
    for place, item in enumerate(listed, 1):
        product, quantity = _check_item(item, place)
        basket[product] = basket.get(product, 0) + quantity
    if max(basket.values()) > _MAX_QUANTITY:
        message = "At most 1000 of one product go into an order."
        raise refuse(422, "invalid_quantity", message)
    return dict(sorted(basket.items()))


def _check_item(given: object, place: int) -> tuple[str, int]:
    item: Mapping[str, object] = cast(Row, given) if isinstance(given, dict) else {}
    product, quantity = item.get("product_id"), item.get("quantity")
    if (
        not isinstance(product, str)
        or not _UUID.fullmatch(product)
        or item.keys() - {"product_id", "quantity"}
    ):
        message = 'Each item is {"product_id": uuid, "quantity": integer}.'
        raise refuse(422, "invalid_item", message, {"item": place})
    number = quantity if isinstance(quantity, int | float) and quantity is not True else 0
    if not 1 <= number <= _MAX_QUANTITY or number % 1:
        message = "The quantity must be a whole number from 1 to 1000."
        context = {"item": place, "product_id": product}
        raise refuse(422, "invalid_quantity", message, context)
    return product.lower(), int(number)


def check_address(address: object) -> Row:
    """The address without what is not given.

    Raises:
        Refusal: it will not do.
    """
    if not isinstance(address, dict):
        raise refuse(422, "invalid_address", "The shipping address must be an object.")
    given = cast(Row, address)
    if given.keys() - {*_REQUIRED, *_OPTIONAL}:
        fields = [*_REQUIRED, *_OPTIONAL]
        message = "The shipping address has an unknown field."
        raise refuse(422, "invalid_address", message, {"fields": fields})
    kept = {name: value for name, value in given.items() if value is not None}
    wrong = [name for name in _REQUIRED if not is_text(kept.get(name), 1, 200)]
    wrong += [name for name in _OPTIONAL if not is_text(kept.get(name, ""), 0, 200)]
    if wrong:
        message = "A field of the shipping address is missing or wrong."
        raise refuse(422, "invalid_address", message, {"field": min(wrong)})
    if not _COUNTRY.fullmatch(kept["country"]):
        message = "The country must be a two-letter code (ISO 3166-1)."
        raise refuse(422, "invalid_address", message, {"field": "country"})
    return kept


def check_email(own: str | None, given: str | None) -> str:
    """Where mails about the order go.

    Raises:
        Refusal: a guest gave no address, or an account another one than its own.
    """
    address = own or given
    if address is None:
        raise refuse(422, "email_required", "A guest's order needs an e-mail address.")
    if given is not None and given.lower() != address.lower():
        message = "Mails about an account's orders go to its own address."
        raise refuse(422, "invalid_email", message)
    if not _EMAIL.fullmatch(address) or len(address) > 254:
        raise refuse(422, "invalid_email", "This is not an e-mail address.")
    return address.lower()


def price(store: Store, basket: Mapping[str, int], country: str, terms: Row) -> list[Line]:
    """What is ordered, at the prices of the market of the country of delivery.

    Args:
        store: has names and prices.
        basket: quantities by product.
        country: of delivery.
        terms: of a quote, whose prices hold instead; empty without one.

    Raises:
        Refusal: something is not on sale, or not in one currency.
    """
    unknown = [key for key in basket if not store.find("products", id=key, active=True)]
    if unknown:
        message = "A product does not exist or is not on sale."
        raise refuse(422, "unknown_product", message, {"product_ids": unknown})
    lines = [_line(store, product, basket[product], country, terms) for product in basket]
    if len({line.currency for line in lines}) > 1:
        raise refuse(422, "mixed_currencies", "These products are not sold in one currency.")
    return lines


def _line(store: Store, product_id: str, quantity: int, country: str, terms: Row) -> Line:
    product = store.get("products", id=product_id)
    market = store.find("product_prices", product_id=product_id, country=country) or product
    prices: Mapping[str, int] = terms.get("prices", {})
    unit_price = prices.get(product_id, market["price"])
    currency = str(terms.get("currency", market["currency"]))
    return Line(product_id, product["name"], quantity, unit_price, currency)


def check_price(lines: Sequence[Line], currency: str | None, expected_total: int | None) -> None:
    """Refuse a basket that costs something else than the shopper was shown.

    Raises:
        Refusal: it does.
    """
    context = {"currency": lines[0].currency, "total": total(lines)}
    elsewhere = currency not in (None, lines[0].currency)
    if expected_total is not None and (elsewhere or expected_total != total(lines)):
        raise refuse(409, "price_changed", "The price has changed.", context)
    if elsewhere:
        message = "This basket is not sold in that currency."
        raise refuse(422, "currency_mismatch", message, context)


def check_stock(store: Store, lines: Sequence[Line]) -> None:
    """Refuse what cannot be had.

    Raises:
        Refusal: it names what is short.
    """
    short = [
        {
            "product_id": line.product_id,
            "name": line.name,
            "requested": line.quantity,
            "available": available,
        }
        for line in lines
        if (available := free_stock(store, line.product_id)) < line.quantity
    ]
    if short:
        raise refuse(409, "insufficient_stock", "Not enough in stock.", {"products": short})


def free_stock(store: Store, product_id: str) -> int:
    """How many can be ordered."""
    return int(store.get("inventory", product_id=product_id)["available"])
