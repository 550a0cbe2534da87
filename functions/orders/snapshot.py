"""Both ledgers of a span of time, read so that what only one of them has can be told for sure."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from functions.orders.books import Call, Order, Payment, read_orders, read_payments
from functions.orders.provider_books import Intent, RefundThere

_MANY = 100
T = TypeVar("T")


class Provider(Protocol):
    """The provider's books; see `ProviderBooks`."""

    async def intents(self, since: int) -> list[Intent]: ...
    async def refunds(self, since: int) -> list[RefundThere]: ...
    async def intent(self, reference: str) -> Intent | None: ...
    async def refund(self, reference: str) -> RefundThere | None: ...


class WrongAccountError(Exception):
    """The account at the provider is not this shop's."""


@dataclass(frozen=True)
class Snapshot:
    """What both sides say."""

    payments: Sequence[Payment] = ()
    intents: Sequence[Intent] = ()
    refunds: Sequence[RefundThere] = ()
    orders: Mapping[str, Order] = field(default_factory=dict)
    """Those of intents that our ledger does not know, by id."""
    missing: frozenset[str] = frozenset()
    """Our references that the provider does not know."""


async def take_snapshot(call: Call, provider: Provider, since: int) -> Snapshot:
    """The provider's lists first, then ours; what only we have is then looked up one by one.

    Raises:
        WrongAccountError: the provider knows hardly any of our payments.
    """
    intents, refunds = await asyncio.gather(provider.intents(since), provider.refunds(since))
    begin = datetime.fromtimestamp(since, UTC)
    touched = {one.reference for one in intents} | {one.payment for one in refunds}
    payments = await read_payments(
        call, lambda one: one.reference in touched or _is_recent(one, begin)
    )
    payments_alone = _payments_alone(payments, intents, begin)
    _require_same_account(payments_alone, payments)
    more_intents, no_intents = await _look_up(provider.intent, payments_alone)
    more_refunds, no_refunds = await _look_up(
        provider.refund, _refunds_alone(payments, refunds, begin)
    )
    return Snapshot(
        payments,
        [*intents, *more_intents],
        [*refunds, *more_refunds],
        await read_orders(call, _orders_of_strays(intents, payments)),
        frozenset(no_intents + no_refunds),
    )


def _is_recent(payment: Payment, begin: datetime) -> bool:
    return payment.created_at >= begin or any(one.created_at >= begin for one in payment.refunds)


def _payments_alone(
    payments: Iterable[Payment], intents: Iterable[Intent], begin: datetime
) -> list[str]:
    listed = {intent.reference for intent in intents}
    return [
        one.reference
        for one in payments
        if one.holds_money and one.created_at >= begin and one.reference not in listed
    ]


def _refunds_alone(
    payments: Iterable[Payment], refunds: Iterable[RefundThere], begin: datetime
) -> list[str]:
    listed = {refund.reference for refund in refunds}
    return [
        entry.reference
        for payment in payments
        for entry in payment.refunds
        if entry.created_at >= begin and entry.reference not in listed
    ]


def _orders_of_strays(intents: Iterable[Intent], payments: Iterable[Payment]) -> list[str]:
    known = {payment.reference for payment in payments}
    named = {one.order_id for one in intents if one.order_id and one.reference not in known}
    return sorted(filter(_is_id, named))


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _require_same_account(alone: Sequence[str], payments: Sequence[Payment]) -> None:
    if len(alone) > _MANY and len(alone) > len(payments) / 2:
        raise WrongAccountError(
            f"The provider does not list {len(alone)} of {len(payments)} payments. Is "
            "STRIPE_API_KEY of the account that was charged?"
        )


async def _look_up(
    one: Callable[[str], Awaitable[T | None]], references: Sequence[str]
) -> tuple[list[T], list[str]]:
    """What the provider knows after all, and the references that it does not know."""
    found = await asyncio.gather(*map(one, references))
    missing = [name for name, known in zip(references, found, strict=True) if known is None]
    return [known for known in found if known is not None], missing
