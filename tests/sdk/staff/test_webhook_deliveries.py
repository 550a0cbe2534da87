"""Webhook deliveries: what was told, what came of it, and telling it again."""

import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import web

from orderbase import Conflict, InvalidRequest, NotFound
from orderbase.staff import AsyncStaff, WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus
from orderbase.staff._columns import column_of
from tests.admin.conftest import Orders
from tests.sdk.staff.conftest import Owner
from tests.waiting import until
from tests.webhooks.receiver import Receiver, receiving

NOBODYS = 9_000_000_000_000
EARLY = datetime(2000, 1, 1, tzinfo=UTC)


class Listening:
    """An endpoint, and what the shop says of its deliveries."""

    def __init__(self, staff: AsyncStaff, receiver: Receiver, endpoint_id: object) -> None:
        self.deliveries = staff.webhooks.deliveries
        self.webhooks = staff.webhooks
        self.receiver = receiver
        self.id = str(endpoint_id)

    async def becomes(self, delivery_id: int, status: WebhookDeliveryStatus) -> WebhookDelivery:
        async def found() -> WebhookDelivery | None:
            delivery = await self.deliveries.get(delivery_id)
            return delivery if delivery.status == status else None

        return await until(found, 20)

    async def told(self, many: int) -> list[str]:
        """The ids of what came, as soon as it is so much."""

        async def came() -> bool:
            return len(self.receiver.headers) >= many

        await until(came, 20)
        return [headers["webhook-id"] for headers in self.receiver.headers]

    async def tested(self) -> WebhookDelivery:
        """A test that was delivered."""
        return await self.becomes((await self.webhooks.test(self.id)).id, "delivered")

    async def waiting(self) -> WebhookDelivery:
        """A test that waits, as the endpoint is disabled."""
        self.receiver.answer = unavailable
        delivery = await self.webhooks.test(self.id)
        await self.told(1)
        await self.webhooks.disable(self.id)
        return await self.becomes(delivery.id, "pending")


async def unavailable(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="Later.")


@pytest.fixture
async def listening(staff: AsyncStaff) -> AsyncIterator[Listening]:
    """An endpoint that is told of tests, and of what is replayed."""
    async with receiving() as receiver:
        created = await staff.webhooks.create(receiver.url, event_types=["order.cancelled"])
        yield Listening(staff, receiver, created.id)
        await staff.webhooks.remove(created.id)


async def test_a_delivery_and_its_attempts_are_as_their_rows(
    listening: Listening, owner: Owner
) -> None:
    delivery = await listening.tested()
    query = "select * from public.webhook_deliveries where id = %s"
    [row] = owner.execute(query, (delivery.id,)).fetchall()
    fields = WebhookDelivery.model_fields.items()
    assert delivery.model_dump() == {name: row[column_of(name, field)] for name, field in fields}
    assert (delivery.attempts, delivery.payload["type"]) == (1, "webhook.test")
    [attempt] = await listening.deliveries.attempts(delivery.id)
    query = "select * from public.webhook_attempts where delivery_id = %s"
    [row] = owner.execute(query, (delivery.id,)).fetchall()
    assert attempt.model_dump() == {name: row[name] for name in WebhookAttempt.model_fields}
    assert (attempt.number, attempt.status_code, attempt.error) == (1, 204, None)


async def test_pages_lead_to_each_delivery_once(listening: Listening) -> None:
    ids = [(await listening.tested()).id for _ in range(3)][::-1]
    first = await listening.deliveries.list(listening.id, limit=2)
    second = await listening.deliveries.list(listening.id, limit=2, after=first.next)
    assert [delivery.id for delivery in first + second] == ids
    assert second.next is None
    assert [one.id async for one in listening.deliveries.each(listening.id)] == ids
    delivered = await listening.deliveries.list(listening.id, status="delivered")
    assert [delivery.id for delivery in delivered] == ids
    assert await listening.deliveries.list(listening.id, status="failed") == []


async def test_a_delivery_is_delivered_again_under_its_id(listening: Listening) -> None:
    delivery = await listening.tested()
    again = await listening.deliveries.redeliver(delivery.id)
    assert (again.id, again.failures) == (delivery.id, 0)
    assert await listening.told(2) == [delivery.webhook_id] * 2
    ended = await listening.becomes(delivery.id, "delivered")
    assert ended.attempts == 2
    assert [one.number for one in await listening.deliveries.attempts(delivery.id)] == [1, 2]


async def test_those_of_a_time_are_delivered_again(listening: Listening) -> None:
    first, second = await listening.tested(), await listening.tested()
    again = listening.deliveries.redeliver_all
    assert await again(listening.id, since=EARLY) == 0, "nothing has failed"
    assert await again(listening.id, since=EARLY, until=EARLY, only_failed=False) == 0
    since = second.created_at.astimezone(tz=None)
    assert await again(listening.id, since=since, only_failed=False) == 1
    assert await listening.told(3) == [one.webhook_id for one in (first, second, second)]


async def test_a_moment_without_a_time_zone_is_none(listening: Listening) -> None:
    naive = EARLY.replace(tzinfo=None)
    for since, until_then, code in (
        (naive, None, "invalid_since"),
        (EARLY, naive, "invalid_until"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await listening.deliveries.redeliver_all(listening.id, since=since, until=until_then)
        assert refusal.value.code == code


async def test_what_waits_is_discarded_once(listening: Listening) -> None:
    waiting = await listening.waiting()
    [attempt] = await listening.deliveries.attempts(waiting.id)
    assert (attempt.status_code, attempt.response) == (503, "Later.")
    for _ in range(2):
        assert (await listening.deliveries.discard(waiting.id)).status == "discarded"


async def test_what_was_delivered_is_not_discarded(listening: Listening) -> None:
    delivery = await listening.tested()
    assert (await listening.deliveries.discard(delivery.id)).status == "delivered"


async def test_a_disabled_endpoint_is_told_nothing_again(listening: Listening) -> None:
    delivery = await listening.tested()
    await listening.webhooks.disable(listening.id)
    since = delivery.created_at - timedelta(days=1)
    for attempt in (
        listening.deliveries.redeliver(delivery.id),
        listening.deliveries.redeliver_all(listening.id, since=since),
        listening.deliveries.replay(listening.id, after="0-0"),
    ):
        with pytest.raises(Conflict) as refusal:
            await attempt
        assert refusal.value.code == "webhook_endpoint_disabled"


async def test_events_of_a_part_of_the_feed_are_replayed(
    listening: Listening, orders: Orders, owner: Owner
) -> None:
    order = orders.place()
    orders.wait_for(order, "completed")
    await listening.webhooks.change(listening.id, event_types=["order.paid"])
    query = (
        "select xid || '-' || id as position, type from public.order_events"
        " where order_id = %s order by version"
    )
    positions = {row["type"]: row["position"] for row in owner.execute(query, (order["id"],))}
    assert (
        await listening.deliveries.replay(
            listening.id, after=positions["order.placed"], until=positions["order.paid"]
        )
        >= 1
    )

    async def told() -> bool:
        return f"msg_{order['id'].hex}_2" in await listening.told(1)

    await until(told)
    none = await listening.deliveries.replay(
        listening.id, after=positions["order.paid"], until=positions["order.paid"]
    )
    assert none == 0
    with pytest.raises(InvalidRequest) as refusal:
        await listening.deliveries.replay(listening.id, after="yesterday")
    assert refusal.value.code == "invalid_position"


async def test_there_is_no_such_delivery(listening: Listening) -> None:
    deliveries = listening.deliveries
    for attempt in (
        deliveries.get(NOBODYS),
        deliveries.attempts(NOBODYS),
        deliveries.redeliver(NOBODYS),
        deliveries.discard(NOBODYS),
    ):
        assert inspect.isawaitable(attempt)
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "webhook_delivery_not_found"
    with pytest.raises(NotFound) as missing:
        await deliveries.redeliver_all(uuid4(), since=EARLY)
    assert missing.value.code == "webhook_endpoint_not_found"


async def test_one_that_was_told_nothing_has_no_deliveries(listening: Listening) -> None:
    assert await listening.deliveries.list(listening.id) == []
