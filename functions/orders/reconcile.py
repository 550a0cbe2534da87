"""Compares orders, payments and stock with each other and with the provider's books."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.orders.books import Call, Order, Row, read_orders
from functions.orders.comparison import compare
from functions.orders.differences import Difference
from functions.orders.snapshot import Provider, take_snapshot

_DAY = 24 * 3600
_SHOWN_ORDERS = 20


@dataclass(frozen=True)
class Report:
    """What a comparison has found."""

    since: datetime
    payments: int
    """So many were compared; likewise what the provider has."""
    intents: int
    refunds: int
    differences: Sequence[Difference]

    @property
    def wrong(self) -> list[Difference]:
        """Without what is only in progress."""
        return [one for one in self.differences if not one.in_progress]

    def as_alarm(self) -> dict[str, Any] | None:
        """What staff are told; None: nothing."""
        if not self.wrong:
            return None
        numbers = sorted({one.order_number for one in self.wrong if one.order_number})
        codes = Counter(one.code for one in self.wrong)
        return {"differences": dict(codes), "order_numbers": numbers[:_SHOWN_ORDERS]}


class Reconciler:
    """One shop and its account at the provider."""

    def __init__(
        self, call: Call, provider: Provider, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` tells seconds since 1970."""
        self._call = call
        self._provider = provider
        self._clock = clock

    async def run(self, days: int) -> Report:
        """Compare all of our own ledgers, and the provider's payments and refunds of so many days.

        The two sides are read one after the other while orders go on: so what differs is looked at
        once more, and counts if it still does.

        Raises:
            WrongAccountError: the account at the provider is not this shop's.
            Exception: those of the clients.
        """
        report = await self._look(days)
        if not report.wrong:
            return report
        again = await self._look(days)
        seen = {one.identity for one in report.differences}
        kept = [one for one in again.differences if one.identity in seen]
        return Report(again.since, again.payments, again.intents, again.refunds, kept)

    async def tell(self, report: Report, days: int) -> None:
        """Raise the alarm; or, when all is well, clear that of a comparison over no more days."""
        await self._call("report_reconciliation", {"days": days, "report": report.as_alarm()})

    async def _look(self, days: int) -> Report:
        since = int(self._clock()) - days * _DAY
        snapshot = await take_snapshot(self._call, self._provider, since)
        return Report(
            datetime.fromtimestamp(since, UTC),
            len(snapshot.payments),
            sum(intent.is_ours for intent in snapshot.intents),
            len(snapshot.refunds),
            [*await self._within(), *compare(snapshot)],
        )

    async def _within(self) -> list[Difference]:
        """Contradictions between our own ledgers."""
        rows = await self._call("ledger_differences", {})
        named = [row["order_id"] for row in rows if "order_id" in row]
        orders = await read_orders(self._call, named)
        return [_internal(row, orders) for row in rows]


def _internal(row: Row, orders: Mapping[str, Order]) -> Difference:
    order_id = row.get("order_id")
    order = orders.get(order_id) if order_id else None
    return Difference(
        code=row["code"],
        order_number=order.number if order else None,
        order_id=order_id,
        product_id=row.get("product_id"),
        detail=row["detail"],
    )
