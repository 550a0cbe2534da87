"""People who order, change their minds, and confirm payments, each by plain HTTP."""

import asyncio
import uuid
from collections.abc import Sequence

from tests.chaos.history import History
from tests.chaos.plan import PlannedOrder
from tests.chaos.shop import UNREACHABLE_ADDRESS, Refused, Row, Shop, Sql, order_request

_CARDS = {
    "declined": "pm_card_chargeDeclined",
    "confirmed": "pm_card_authenticationRequired",
    "not_confirmed": "pm_card_authenticationRequired",
    "forgotten": "pm_card_authenticationRequired",
}
_QUESTION_SECONDS = 20
_REFUND_TRIES = 5


class Crowd:
    """All shoppers of a run, and the staff."""

    def __init__(self, shop: Shop, sql: Sql, staff: str, product: str, history: History) -> None:
        self.acknowledged: list[str] = []
        self.doubled: list[str] = []
        """Orders that a repeated call made anew."""
        self._shop = shop
        self._sql = sql
        self._staff = staff
        self._product = product
        self._history = history
        self._afterwards: set[asyncio.Task[None]] = set()

    async def order(self, shopper: str, plan: Sequence[PlannedOrder]) -> None:
        """Place one shopper's orders, one after the other; what comes later runs beside."""
        for planned in plan:
            await asyncio.sleep(planned.pause)
            name = await self._place(shopper, planned)
            task = asyncio.create_task(self._later(shopper, planned, name))
            self._afterwards.add(task)
            task.add_done_callback(self._afterwards.discard)

    async def go_home(self) -> None:
        """Wait until everybody has done what they wanted."""
        await asyncio.gather(*self._afterwards)

    async def _place(self, shopper: str, planned: PlannedOrder) -> str:
        changed: Row = {"payment_method": _CARDS.get(planned.kind, "pm_card_visa")}
        if planned.kind == "unreachable":
            changed["shipping_address"] = UNREACHABLE_ADDRESS
        request = order_request(self._product, **changed)
        self._history.write("place", key=request["idempotency_key"], kind=planned.kind)
        order = await self._shop.insist(shopper, "place_order", **request)
        name = str(order["id"])
        self.acknowledged.append(name)
        self._history.write("placed", key=request["idempotency_key"], order=name)
        if planned.again:
            again = await self._shop.insist(shopper, "place_order", **request)
            if again["id"] != name:
                self.doubled.append(name)
        return name

    async def _later(self, shopper: str, planned: PlannedOrder, name: str) -> None:
        await asyncio.sleep(planned.later)
        match planned.kind:
            case "cancelled":
                await self._try("cancel", shopper, "cancel_order", order_id=name)
            case "refunded" | "partly_refunded":
                await self._refund(name, 100 if planned.kind == "partly_refunded" else None)
            case "confirmed" | "not_confirmed":
                await self._confirm(name, "succeeded" if planned.kind == "confirmed" else "failed")

    async def _refund(self, name: str, amount: int | None) -> None:
        request: Row = {"reason": "As discussed.", "idempotency_key": str(uuid.uuid4())}
        for _ in range(_REFUND_TRIES):
            if await self._try(
                "refund", self._staff, "refund_order", order_id=name, amount=amount, **request
            ):
                return
            await asyncio.sleep(1)

    async def _try(self, what: str, token: str, verb: str, **arguments: object) -> bool:
        try:
            await self._shop.insist(token, verb, **arguments)
        except Refused as refusal:
            self._history.write(what, order=arguments["order_id"], refused=str(refusal))
            return False
        self._history.write(what, order=arguments["order_id"])
        return True

    async def _confirm(self, name: str, outcome: str) -> None:
        """Answer the bank, as soon as the shop says that it asks."""
        for _ in range(_QUESTION_SECONDS * 2):
            asked = await self._sql.rows(
                "select reference from public.payments"
                " where order_id = %s and status = 'requires_action'",
                name,
            )
            if asked:
                break
            await asyncio.sleep(0.5)
        else:
            return
        try:
            await self._shop.authenticate(asked[0]["reference"], outcome)
        except Refused as refusal:
            outcome = str(refusal)
        self._history.write("confirm", order=name, outcome=outcome)
