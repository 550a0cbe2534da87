"""Refunds of two ledgers side by side. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from functions.orders.books import Payment
from functions.orders.differences import Difference, difference
from functions.orders.provider_books import RefundThere


def went_back(refunds: Sequence[RefundThere]) -> Mapping[str, int]:
    """How much of each payment the provider has given back."""
    sums: dict[str, int] = defaultdict(int)
    for refund in refunds:
        sums[refund.payment] += 0 if refund.failed else refund.amount
    return sums


def compare(
    payments: Sequence[Payment], refunds: Sequence[RefundThere], missing: Set[str]
) -> Iterator[Difference]:
    """All differences between refunds of payments that our ledger knows to be captured."""
    by_payment: dict[str, dict[str, RefundThere]] = defaultdict(dict)
    for refund in refunds:
        by_payment[refund.payment][refund.reference] = refund
    for payment in payments:
        if payment.captured:
            yield from _of_payment(payment, by_payment[payment.reference], missing)


def _of_payment(
    payment: Payment, there: Mapping[str, RefundThere], missing: Set[str]
) -> Iterator[Difference]:
    known = {entry.reference for entry in payment.refunds}
    for entry in payment.refunds:
        refund = there.get(entry.reference)
        if refund:
            yield from _of_pair(payment, entry.amount, refund)
        elif entry.reference in missing:
            yield _of("refund_missing_there", payment, entry.reference, here=entry.amount)
    for reference, refund in there.items():
        if reference not in known and not refund.failed:
            yield _of("refund_unknown_here", payment, reference, there=refund.amount)


def _of_pair(payment: Payment, amount: int, refund: RefundThere) -> Iterator[Difference]:
    reference = refund.reference
    if refund.failed:
        yield _of("refund_failed_there", payment, reference, here=amount, there=0)
    elif amount != refund.amount:
        yield _of("refund_amount_differs", payment, reference, here=amount, there=refund.amount)


def _of(
    code: str, payment: Payment, refund: str, here: int | None = None, there: int | None = None
) -> Difference:
    return difference(
        code,
        payment.order,
        references=(payment.reference, refund),
        currency=payment.currency,
        here=here,
        there=there,
    )
