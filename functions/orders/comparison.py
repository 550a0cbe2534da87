"""Two ledgers side by side: ours and the provider's. Pure: fetching is done elsewhere."""

from collections import defaultdict
from collections.abc import Iterator

from functions.orders import refund_comparison
from functions.orders.books import Order, Payment
from functions.orders.differences import Difference, difference
from functions.orders.provider_books import Intent
from functions.orders.snapshot import Snapshot

_ENDED = frozenset(
    {"completed", "payment_failed", "out_of_stock", "shipping_failed", "cancelled", "refunded"}
)
_HELD = "requires_capture"


def compare(snapshot: Snapshot) -> list[Difference]:
    """All differences, by order."""
    comparison = _Comparison(snapshot)
    found = [
        *comparison.of_payments(),
        *comparison.of_strays(),
        *comparison.captured_twice(),
        *refund_comparison.compare(snapshot.payments, snapshot.refunds, snapshot.missing),
    ]
    return sorted(found, key=lambda one: (one.order_number or 0, one.code, one.references))


class _Comparison:
    def __init__(self, snapshot: Snapshot) -> None:
        self._payments = {payment.reference: payment for payment in snapshot.payments}
        self._intents = {intent.reference: intent for intent in snapshot.intents}
        self._orders = snapshot.orders
        self._missing = snapshot.missing
        self._went_back = refund_comparison.went_back(snapshot.refunds)
        self._twice = self._find_twice()

    def of_payments(self) -> Iterator[Difference]:
        for payment in self._payments.values():
            intent = self._intents.get(payment.reference)
            if intent:
                yield from self._of_pair(payment, intent)
            elif payment.reference in self._missing and payment.holds_money:
                held = payment.captured or payment.amount
                yield _of_ours("missing_there", payment, here=held)

    def _of_pair(self, payment: Payment, intent: Intent) -> Iterator[Difference]:
        if payment.captured:
            yield from _of_captured(payment, intent)
        elif self._is_captured(intent):
            if payment.order.order_id not in self._twice:
                yield _of_theirs("unknown_here", payment.order, intent, intent.captured)
        elif intent.status == _HELD:
            yield from _of_held(payment, intent)
        elif payment.status == "authorized":
            yield _of_ours("authorization_lost", payment, here=payment.amount, there=0)

    def of_strays(self) -> Iterator[Difference]:
        """Intents of this shop that our ledger has no payment for."""
        for intent in self._intents.values():
            if not intent.is_ours or intent.reference in self._payments:
                continue
            order = self._orders.get(intent.order_id or "")
            if intent.status == _HELD:
                yield _open_authorization(order, intent)
            elif self._is_captured(intent) and intent.order_id not in self._twice:
                yield _of_theirs("unknown_here", order, intent, intent.captured)

    def captured_twice(self) -> Iterator[Difference]:
        for order_id, intents in self._twice.items():
            known = [self._payments.get(intent.reference) for intent in intents]
            order = next((one.order for one in known if one), self._orders.get(order_id))
            yield difference(
                "captured_twice",
                order,
                order_id=order_id,
                references=tuple(sorted(intent.reference for intent in intents)),
                currency=intents[0].currency,
                here=sum(one.captured for one in known if one),
                there=sum(intent.captured for intent in intents),
            )

    def _is_captured(self, intent: Intent) -> bool:
        """Whether any of the money that was taken is still there."""
        return intent.captured > self._went_back.get(intent.reference, 0)

    def _find_twice(self) -> dict[str, list[Intent]]:
        """Captured intents of orders that have several, at least one of which should not be."""
        by_order: dict[str, list[Intent]] = defaultdict(list)
        for intent in filter(self._counts, self._intents.values()):
            payment = self._payments.get(intent.reference)
            order_id = payment.order.order_id if payment else intent.order_id
            if order_id:
                by_order[order_id].append(intent)
        return {order_id: intents for order_id, intents in by_order.items() if len(intents) > 1}

    def _counts(self, intent: Intent) -> bool:
        payment = self._payments.get(intent.reference)
        return bool(payment and payment.captured) or self._is_captured(intent)


def _of_captured(payment: Payment, intent: Intent) -> Iterator[Difference]:
    if intent.currency != payment.currency:
        yield _of_theirs("currency_differs", payment.order, intent, intent.captured)
    elif payment.captured != intent.captured:
        yield _of_ours("amount_differs", payment, here=payment.captured, there=intent.captured)


def _of_held(payment: Payment, intent: Intent) -> Iterator[Difference]:
    if payment.order.status in _ENDED or payment.status != "authorized":
        yield _open_authorization(payment.order, intent)
    elif intent.currency != payment.currency:
        yield _of_theirs("currency_differs", payment.order, intent, intent.authorized)
    elif payment.amount != intent.authorized:
        yield _of_ours("amount_differs", payment, here=payment.amount, there=intent.authorized)


def _open_authorization(order: Order | None, intent: Intent) -> Difference:
    ended = order is None or order.status in _ENDED
    code = "open_authorization_of_ended_order" if ended else "authorization_unknown_here"
    return _of_theirs(code, order, intent, intent.authorized)


def _of_ours(code: str, payment: Payment, here: int, there: int | None = None) -> Difference:
    return difference(
        code,
        payment.order,
        references=(payment.reference,),
        currency=payment.currency,
        here=here,
        there=there,
    )


def _of_theirs(code: str, order: Order | None, intent: Intent, there: int) -> Difference:
    return difference(
        code,
        order,
        order_id=intent.order_id,
        references=(intent.reference,),
        currency=intent.currency,
        there=there,
    )
