"""Differences between ledgers, and what each of them means."""

from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict, Unpack

from functions.orders.books import Order


@dataclass(frozen=True, slots=True)
class Explanation:
    """For the people who have to mend it."""

    meaning: str
    advice: str
    passes: bool = False
    """Whether it is normal for as long as the order's money is moving."""


EXPLANATIONS = {
    "unknown_here": Explanation(
        "The provider took the money; our ledger knows nothing of it.",
        "Retry the order's dead letter, which finds the payment; else refund it at the provider.",
        passes=True,
    ),
    "missing_there": Explanation(
        "Our ledger holds a payment that the provider has never heard of.",
        "Check that STRIPE_API_KEY is of the account that was charged; then ask the provider.",
    ),
    "amount_differs": Explanation(
        "The provider took another amount than our ledger says.",
        "Refund the surplus, or claim the rest, at the provider; look at the order's history.",
    ),
    "currency_differs": Explanation(
        "The provider took the money in another currency than the order has.",
        "Refund it at the provider, and ask the shopper to order again.",
    ),
    "captured_twice": Explanation(
        "The provider took the money of one order more than once.",
        "Refund what our ledger does not know, at the provider.",
    ),
    "authorization_lost": Explanation(
        "Our ledger counts on authorised money that the provider does not hold any more.",
        "Do not ship; if it has left, ask the shopper to pay.",
        passes=True,
    ),
    "authorization_unknown_here": Explanation(
        "The provider holds a shopper's money for an order, and our ledger knows nothing of it.",
        "Cancel the authorisation at the provider.",
        passes=True,
    ),
    "open_authorization_of_ended_order": Explanation(
        "The provider still holds a shopper's money for an order that has ended.",
        "Cancel the authorisation at the provider.",
        passes=True,
    ),
    "refund_unknown_here": Explanation(
        "The provider gave money back; our ledger knows nothing of it.",
        "Find out who made the refund, perhaps by hand; the order's books stay too high by it.",
        passes=True,
    ),
    "refund_missing_there": Explanation(
        "Our ledger gave money back by a refund that the provider has never heard of.",
        "Make the refund at the provider; the shopper still waits for it.",
    ),
    "refund_failed_there": Explanation(
        "Our ledger gave money back, but the refund failed later at the shopper's bank.",
        "Pay the shopper in another way: the money is with the shop again.",
    ),
    "refund_amount_differs": Explanation(
        "The provider gave back another amount than our ledger says.",
        "Refund the rest at the provider, or note the surplus as lost.",
    ),
    "stock_balance": Explanation(
        "A product's stock is not the sum of its movements.",
        "Tell a developer: nothing but a change by hand does this. Count the shelf.",
    ),
    "payment_balance": Explanation(
        "A payment's sums are not those of its entries.",
        "Tell a developer: nothing but a change by hand does this.",
    ),
    "order_total": Explanation(
        "An order's total is not the sum of its items.",
        "Tell a developer: nothing but a change by hand does this.",
    ),
    "money_of_ended_order": Explanation(
        "An order has ended without its goods, and the shop still holds its money.",
        "Refund it at the provider, and tell a developer.",
    ),
    "money_missing": Explanation(
        "An order goes on, though its money is not all there.",
        "Do not ship; if it has left, ask the shopper to pay.",
    ),
    "stock_of_order": Explanation(
        "An order's reserved stock is not where its status says.",
        "Tell a developer; the product's available stock is wrong by the order's items.",
    ),
}
_UNKNOWN = Explanation("The ledgers contradict each other.", "Tell a developer.")


@dataclass(frozen=True, slots=True)
class Difference:
    """One of them. Amounts are minor units of `currency`; None: there is no such thing."""

    code: str
    order_number: int | None = None
    order_id: str | None = None
    product_id: str | None = None
    references: tuple[str, ...] = ()
    """Of the provider."""
    currency: str | None = None
    here: int | None = None
    there: int | None = None
    in_progress: bool = False
    """Normal for now; look again later."""
    detail: str | None = None

    @property
    def explanation(self) -> Explanation:
        """What it means, and what to do."""
        return EXPLANATIONS.get(self.code, _UNKNOWN)

    @property
    def identity(self) -> tuple[object, ...]:
        """What stays the same as long as it is not mended."""
        return (self.code, self.order_id, self.product_id, self.references)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        said = {"meaning": self.explanation.meaning, "advice": self.explanation.advice}
        return asdict(self) | said


class _Found(TypedDict, total=False):
    order_id: str | None
    references: tuple[str, ...]
    currency: str | None
    here: int | None
    there: int | None


def difference(code: str, order: Order | None, **found: Unpack[_Found]) -> Difference:
    """A difference about an order; about one that does not exist if it is None."""
    plain = Difference(code, **found)
    if order is None:
        return plain
    return replace(
        plain,
        order_id=order.order_id,
        order_number=order.number,
        in_progress=order.in_progress and plain.explanation.passes,
    )
