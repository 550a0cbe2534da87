"""Quotes in the fake shop: prices that hold for a while."""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from orderbase.testing import _basket
from orderbase.testing._caller import Caller
from orderbase.testing._refusals import refuse
from orderbase.testing._store import Row, Store

_COUNTRY = re.compile(r"[A-Z]{2}")
_LIFETIME = timedelta(minutes=15)


class Quotes:
    """Makes quotes, and knows its own again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._terms: dict[str, Row] = {}

    def quote_order(self, caller: Caller, arguments: Row) -> Row:
        """What `quote_order` answers.

        Raises:
            Refusal: the basket or the country will not do.
        """
        basket = _basket.check_items(arguments.get("items"))
        country = _check_country(arguments.get("country"))
        lines = _basket.price(self._store, basket, country, {})
        expires = (self._store.clock.now() + _LIFETIME).replace(microsecond=0)
        terms: Row = {
            "v": 1,
            "id": str(uuid4()),
            "user": caller.user_id,
            "country": country,
            "currency": lines[0].currency,
            "basket": basket,
            "prices": {line.product_id: line.unit_price for line in lines},
            "arms": {},
            "expires": int(expires.timestamp()),
        }
        return {
            "quote": self._sign(terms),
            "country": country,
            "currency": terms["currency"],
            "lines": [
                {
                    "product_id": line.product_id,
                    "name": line.name,
                    "quantity": line.quantity,
                    "unit_price": line.unit_price,
                }
                for line in lines
            ],
            "total": _basket.total(lines),
            "arms": {},
            "expires_at": expires.isoformat(),
        }

    def honour(self, quote: str, caller: Caller, basket: Mapping[str, int], country: str) -> Row:
        """The terms of a quote that holds for this buyer, basket and country.

        Raises:
            Refusal: it does not, any more or at all.
        """
        terms = self._terms.get(quote)
        if terms is None:
            raise refuse(422, "invalid_quote", "This is not a quote of this shop.")
        given = {"user": caller.user_id, "items": basket, "country": country}
        stated = {"user": terms["user"], "items": terms["basket"], "country": terms["country"]}
        differs = next((name for name in given if given[name] != stated[name]), None)
        if differs:
            message = "The quote was made for another order."
            raise refuse(409, "quote_mismatch", message, {"differs": differs})
        expires = datetime.fromtimestamp(terms["expires"], UTC)
        if expires <= self._store.clock.now():
            message = "The quote has expired. Ask for another."
            context = {"expires_at": expires.isoformat()}
            raise refuse(409, "quote_expired", message, context)
        return terms

    def _sign(self, terms: Row) -> str:
        content = base64.urlsafe_b64encode(json.dumps(terms).encode()).decode().rstrip("=")
        quote = f"{content}.{secrets.token_urlsafe(32)}"
        self._terms[quote] = terms
        return quote


def kept(terms: Row) -> Row:
    """What an order's first event says of its quote."""
    return {"quote": {name: terms[name] for name in ("id", "country", "arms")}} if terms else {}


def _check_country(country: object) -> str:
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        message = "The country must be a two-letter code (ISO 3166-1)."
        raise refuse(422, "invalid_country", message)
    return country
