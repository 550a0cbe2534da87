"""One case of the crash matrix: an order that is broken at a step, and what else may happen."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.breaking import Breakage, Harm, Point
from tests.chaos.checker import TERMINAL
from tests.chaos.conftest import World
from tests.chaos.shop import ADDRESS, Refused, Row, order_request
from tests.chaos.workers import Worker

_REST_SECONDS = 20.0
_NUDGE_SECONDS = 0.1

# Messages that wait for their next delivery, and not for the end of somebody's lease.
_NUDGES = (
    """
    update pgmq.q_orders as message set vt = clock_timestamp()
    where vt > clock_timestamp() and not exists (
      select from private.order_steps
      where message_id = message.msg_id and leased_until is not null)
    """,
    """
    update pgmq.q_emails as message set vt = clock_timestamp()
    where vt > clock_timestamp() and not exists (
      select from public.emails as mail
      where mail.status = 'claimed'
        and mail.event = 'order-event-' || (message.message ->> 'event_id'))
    """,
    "select private.route_events()",
    "delete from private.drains",
    "select private.wake('orders'), private.wake('emails')",
)
_LEASES_RUN_OUT = (
    "delete from private.drains",
    "update pgmq.q_orders set vt = clock_timestamp()",
    "update pgmq.q_emails set vt = clock_timestamp()",
    """
    update private.order_steps set leased_until = clock_timestamp() - interval '1 second'
    where leased_until is not null
    """,
)
_BOOKS = (
    "public.payments",
    "public.payment_entries",
    "public.refunds",
    "public.stock_movements",
    "private.order_steps",
)
_STORY = ("public.order_events", "public.emails")


@dataclass(frozen=True)
class Scenario:
    """What makes a step happen, and what comes of an order that it happens to."""

    ends_as: str
    address: Row = field(default_factory=lambda: ADDRESS)
    capture: str = "at_once"


Event = Callable[["Case"], Awaitable[None]]


class Case:
    """One order on its way past a point of a step."""

    def __init__(self, world: World, step: str, point: Point, scenario: Scenario) -> None:
        self.world = world
        self.step = step
        self.point = point
        self.scenario = scenario
        self.order = ""

    async def place(self) -> None:
        """Have the order placed."""
        world = self.world
        await world.sql.run(f"update private.shop set capture = '{self.scenario.capture}'")
        placed = await world.shop.call(
            world.shopper,
            "place_order",
            **order_request(world.product, shipping_address=self.scenario.address),
        )
        self.order = str(placed["id"])

    async def start(self, harm: Harm | None = None) -> Worker:
        """A worker, that comes to harm at the case's point."""
        breakage = Breakage(self.step, self.point, harm) if harm else None
        return await self.world.workers.start(breakage)

    async def leases_run_out(self) -> None:
        """As if so much time had passed."""
        await self.world.sql.run(*_LEASES_RUN_OUT)

    async def status(self) -> str:
        return str(
            await self.world.sql.value("select status from public.orders where id = %s", self.order)
        )

    async def heading(self) -> str:
        """How the order ends, by what has been agreed to so far."""
        known = await self.world.sql.value(
            "select coalesce(ending, case when status = any(%s::public.order_status[]) then status"
            " end)::text from public.orders where id = %s",
            [*TERMINAL - {"completed"}],
            self.order,
        )
        return str(known or self.scenario.ends_as)

    async def until_rest(
        self, or_stopped: Worker | None = None, *, seconds: float = _REST_SECONDS
    ) -> None:
        """Wait until nothing is in progress; pauses between deliveries are cut short.

        Or until that worker is stopped.

        Raises:
            TimeoutError: something still is, after a long while.
        """
        deadline = time.monotonic() + seconds
        nudge_at = time.monotonic() + _NUDGE_SECONDS
        while not (or_stopped and or_stopped.has("stopped")) and not await self.rests():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.order} is {await self.status()} for ever")
            if time.monotonic() > nudge_at:
                await self.world.sql.run(*_NUDGES)
                nudge_at = time.monotonic() + _NUDGE_SECONDS
            await asyncio.sleep(0.02)

    async def rests(self) -> bool:
        """Whether nothing is in progress, in the whole shop."""
        return bool(
            await self.world.sql.value(
                "select not exists (select from private.outbox)"
                " and not exists (select from pgmq.q_orders)"
                " and not exists (select from pgmq.q_emails)"
                " and (select status::text from public.orders where id = %s) = any(%s)",
                self.order,
                [*TERMINAL, "needs_attention"],
            )
        )

    async def books(self) -> object:
        """What we know of the order's steps, money and stock, and what the provider does."""
        url = f"{self.world.settings.payments_url}/_ledger?order_id={self.order}"
        return await self._rows_of(*_BOOKS), await self.world.shop.get(url)

    async def everything(self) -> object:
        """That, and the order itself with its events and mails."""
        world = self.world
        order = await world.sql.rows("select * from public.orders where id = %s", self.order)
        return order, await self._rows_of(*_STORY), await self.books()

    async def _rows_of(self, *tables: str) -> list[object]:
        query = " union all ".join(
            f"select to_jsonb(one)::text as row from {table} as one where order_id = %s"
            for table in tables
        )
        found = await self.world.sql.rows(f"{query} order by 1", *[self.order] * len(tables))
        return [row["row"] for row in found]

    async def deliver_again(self) -> None:
        """Every message that the order has had so far comes once more, the last first."""
        await self.world.sql.run(
            "select pgmq.send(route.queue, jsonb_build_object('event_id', event.id,"
            " 'order_id', event.order_id, 'type', event.type))"
            " from public.order_events as event"
            " join private.event_routes as route on route.event_type = event.type"
            f" where event.order_id = '{self.order}' and route.queue in ('orders', 'emails')"
            " order by event.id desc"
        )

    async def shuffle(self) -> None:
        """What waits in the queues is read from the back."""
        for queue in ("orders", "emails"):
            await self.world.sql.run(
                f"with taken as (delete from pgmq.q_{queue} where vt <= clock_timestamp()"
                " returning *)"
                f" select pgmq.send('{queue}', message) from (select * from taken"
                " order by msg_id desc) as reversed"
            )

    async def hear_of_payment(self) -> None:
        """The provider's webhooks about the order's payment, as new events, the last first."""
        url = f"{self.world.settings.payments_url}/_ledger?order_id={self.order}"
        for intent in (await self.world.shop.get(url))["intents"]:
            for status in ("succeeded", "authorized"):
                if status == "succeeded" and intent["status"] != "succeeded":
                    continue
                await self.world.sql.rows(
                    "select engine.receive_payment_events(jsonb_build_array(jsonb_build_object("
                    "'id', %s::text, 'type', 'payment_intent.' || %s::text,"
                    " 'order_id', %s::text, 'payment', jsonb_build_object('provider', 'stripe',"
                    " 'reference', %s::text, 'key', %s::text, 'status', %s::text,"
                    " 'amount', %s::bigint, 'currency', 'EUR'))))",
                    f"evt_{uuid.uuid4().hex}",
                    status,
                    self.order,
                    intent["id"],
                    intent["metadata"]["idempotency_key"],
                    status,
                    intent["amount"],
                )


async def cancel(case: Case) -> None:
    """The shopper wants the order no more."""
    with suppress(Refused):
        await case.world.shop.insist(case.world.shopper, "cancel_order", order_id=case.order)


async def give_a_part_back(case: Case) -> None:
    """The staff give the shopper a discount, if it is paid for by now."""
    await _refund(case, amount=100)


async def give_all_back(case: Case) -> None:
    """The staff give a discount, and right after it take the whole order back."""
    await _refund(case, amount=100)
    await _refund(case, amount=None)


async def _refund(case: Case, amount: int | None) -> None:
    with suppress(Refused):
        await case.world.shop.insist(
            case.world.staff,
            "refund_order",
            order_id=case.order,
            reason="As discussed.",
            idempotency_key=str(uuid.uuid4()),
            amount=amount,
        )


EVENTS: tuple[Event, ...] = (cancel, give_a_part_back, give_all_back)
"""What may come in between, at any point."""
