"""A mail in the making."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from functions.emails.content import Content, Summary
from functions.emails.job import Fields, Item, Order
from functions.emails.language import Language
from functions.kit.queue import Job

Data = TypeVar("Data", bound=Fields)

_LIKE_A_LINK = re.compile(r"[/@:<>]|\w\.\w")
_MAX_NAME = 80


@dataclass(frozen=True)
class Draft:
    """The job, its language, and the shop."""

    job: Job
    language: Language
    shop_name: str
    web_url: str

    @cached_property
    def order(self) -> Order:
        return Order.model_validate(self.job)

    @property
    def order_url(self) -> str:
        return f"{self.web_url}/orders/{self.order.order_id}"

    @property
    def address(self) -> list[str]:
        """Where the order is shipped, line by line."""
        to = self.order.shipping_address
        city, country = f"{to.postal_code} {to.city}", self.language.country(to.country)
        lines = (to.name, to.line1, to.line2, city, to.region, country)
        return [line for line in lines if line]

    def data(self, fields: type[Data]) -> Data:
        """The event's data."""
        return fields.model_validate(self.job["data"])

    def say(self, key: str, **values: object) -> str:
        """A text of this template."""
        return self.language.say(self.job["template"], key, **values)

    def money(self, amount: int) -> str:
        """An amount in the order's currency."""
        return self.language.money(amount, self.order.currency)

    def item(self, quantity: int, name: str) -> str:
        return self._layout("item", quantity=quantity, name=name)

    def greet(self, name: str) -> str:
        # Anyone can sign a stranger up under a name that advertises something.
        if not name.strip() or len(name) > _MAX_NAME or _LIKE_A_LINK.search(name):
            return self._layout("greeting_without_name")
        return self._layout("greeting", name=name.strip())

    def about_order(
        self,
        *paragraphs: str,
        address: Sequence[str] = (),
        facts: Sequence[tuple[str, str]] = (),
        notes: Sequence[str] = (),
        button: tuple[str, str] | None = None,
    ) -> Content:
        """A mail that ends with the order; `paragraphs` are keys."""
        return Content(
            subject=self.say("subject", number=self.order.number),
            heading=self.say("heading"),
            greeting=self.greet(self.order.shipping_address.name),
            paragraphs=[self.say(key) for key in paragraphs],
            address=address,
            facts=facts,
            notes=notes,
            button=button or (self._layout("see_order"), self.order_url),
            order=self._summary(),
        )

    def _summary(self) -> Summary:
        placed_on = self.language.date(self.order.placed_at)
        return Summary(
            title=self._layout("order", number=self.order.number, date=placed_on),
            url=self.order_url,
            items=[self._line_of(item) for item in self.order.items],
            total=self.money(self.order.total),
        )

    def _line_of(self, item: Item) -> tuple[str, str]:
        return self.item(item.quantity, item.name), self.money(item.unit_price * item.quantity)

    def _layout(self, key: str, **values: object) -> str:
        return self.language.say("layout", key, **values)
