"""A catalogue in memory, which tells products and changes as the database does."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import cast

from functions.kit.database import Database, DatabaseUnavailable, Row


class Catalogue:
    """Every edit is a position; a read shows the moment at which it began."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.is_down = False
        self.held: dict[str, asyncio.Event] = {}
        """Answers to calls of these verbs are on their way until the event is set."""
        self.knows_all = True
        """Or changes cannot be told one by one."""
        self._products: dict[str, int] = {}
        self._edits: list[str] = []

    @property
    def database(self) -> Database:
        """It, as the cache calls it."""
        return cast(Database, self)

    def add(self, price: int = 1) -> str:
        """A new product."""
        product_id = str(uuid.uuid4())
        self.edit(product_id, price)
        return product_id

    def edit(self, product_id: str, price: int) -> None:
        """A committed change."""
        self._products[product_id] = price
        self._edits.append(product_id)

    def remove(self, product_id: str) -> None:
        """It is on sale no longer."""
        del self._products[product_id]
        self._edits.append(product_id)

    async def call(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        """As `Database.call`."""
        self.calls[verb] += 1
        if self.is_down:
            raise DatabaseUnavailable("down")
        gate = self.held.get(verb)
        answer = getattr(self, f"_{verb}")(**arguments)
        await asyncio.sleep(0)
        if gate:
            await gate.wait()
        return cast(list[Row], answer)

    def _read_product(self, product_id: str) -> list[Row]:
        price = self._products.get(product_id)
        if price is None:
            return []
        row = {
            "id": product_id,
            "version": price,
            "slug": "x",
            "name": "X",
            "description": "",
            "price": price,
        }
        market = {"US": {"price": 2 * price, "currency": "USD"}}
        return [row | {"currency": "EUR", "prices": market, "images": []}]

    def _product_changes(self, position: str | None) -> list[Row]:
        tells_all = position is None or not self.knows_all
        since = [] if tells_all else sorted(set(self._edits[int(position or 0) :]))
        return [{"position": str(len(self._edits)), "all": tells_all, "product_ids": since}]
