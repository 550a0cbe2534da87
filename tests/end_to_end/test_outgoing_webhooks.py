"""Outgoing webhooks on the whole line: every event of an order arrives, in order, and verifies."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from aiohttp import web
from psycopg.rows import dict_row
from standardwebhooks import Webhook as StandardWebhook
from supabase import AsyncClient, acreate_client
from svix.webhooks import Webhook as SvixWebhook

from orderbase import webhooks
from tests.conftest import Stack
from tests.end_to_end.conftest import final_status, place
from tests.waiting import until
from tests.webhooks.clock import let_pass
from tests.webhooks.receiver import Receiver, no_content, receiving

Row = dict[str, Any]


@dataclass
class Integrator:
    """Somebody whose server is told of everything, and how far the shop is with telling."""

    receiver: Receiver
    staff: AsyncClient
    owner: psycopg.Connection[Row]
    endpoint_id: str
    secret: str

    def heard(self) -> list[Row]:
        """What came, in its order, each message once; all verify, also with the SDK."""
        heard: dict[str, Row] = {}
        for body, headers in zip(self.receiver.bodies, self.receiver.headers, strict=True):
            SvixWebhook(self.secret).verify(body, headers)
            told = StandardWebhook(self.secret).verify(body, headers)
            event = webhooks.verify(body, headers, self.secret)
            assert (event.id, event.type, event.data) == (
                headers["webhook-id"],
                told["type"],
                told["data"],
            )
            heard.setdefault(event.id, told)
        return list(heard.values())

    def heard_of(self, order: Row) -> list[str]:
        """Types of the events of an order."""
        return [
            told["type"].removeprefix("order.")
            for told in self.heard()
            if told["data"]["order"]["id"] == order["id"]
        ]

    def count(self, status: str) -> int:
        query = (
            "select count(*) as many from public.webhook_deliveries"
            " where endpoint_id = %s and status = %s"
        )
        [row] = self.owner.execute(query, (self.endpoint_id, status)).fetchall()
        return int(row["many"])

    def attempts(self) -> int:
        query = (
            "select count(*) as many from public.webhook_attempts"
            " join public.webhook_deliveries on id = delivery_id where endpoint_id = %s"
        )
        [row] = self.owner.execute(query, (self.endpoint_id,)).fetchall()
        return int(row["many"])

    def let_pass(self, interval: str) -> None:
        """Move the clock, and have the function look."""
        let_pass(self.owner, interval, self.endpoint_id)
        self.owner.execute("select private.wake('webhooks')")


@pytest.fixture
async def integrator(stack: Stack) -> AsyncIterator[Integrator]:
    """Registered by the staff, over REST; nobody is told any more when the test ends."""
    environment = stack.environment
    staff = await acreate_client(
        environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
    )
    await staff.auth.sign_in_with_password(
        {"email": environment["DEMO_STAFF_EMAIL"], "password": environment["DEMO_PASSWORD"]}
    )
    url = stack.settings.database_url()
    async with receiving() as receiver:
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as owner:
            request = {"url": receiver.url, "event_types": ["*"]}
            answer: Any = await staff.rpc("create_webhook_endpoint", request).execute()
            [created] = answer.data
            yield Integrator(receiver, staff, owner, created["endpoint_id"], created["secret"])
            endpoint = {"endpoint_id": created["endpoint_id"]}
            await staff.rpc("delete_webhook_endpoint", endpoint).execute()


async def test_an_order_s_story_arrives_in_order_and_verifies(
    integrator: Integrator, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    order = await place(shopper, new_product())
    assert await final_status(shopper, order) == "completed"

    async def told() -> bool:
        return len(integrator.heard_of(order)) == 4

    await until(told, 20)
    assert integrator.heard_of(order) == ["placed", "paid", "shipped", "completed"]


async def test_a_test_arrives_at_once(integrator: Integrator) -> None:
    endpoint = {"endpoint_id": integrator.endpoint_id}
    await integrator.staff.rpc("test_webhook_endpoint", endpoint).execute()

    async def told() -> bool:
        return bool(integrator.heard())

    await until(told, 20)
    [test] = integrator.heard()
    assert (test["type"], test["data"]) == ("webhook.test", endpoint)


async def test_down_for_an_hour_of_the_clock_it_gets_everything_in_order_afterwards(
    integrator: Integrator, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    async def unavailable(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    integrator.receiver.answer = unavailable
    product = new_product(stock=5)
    orders = [await place(shopper, product) for _ in range(5)]
    for order in orders:
        assert await final_status(shopper, order) == "completed"
    for _ in range(6):
        tried = integrator.attempts()
        integrator.let_pass("10 minutes")

        async def tried_again(tried: int = tried) -> bool:
            return integrator.attempts() > tried and not integrator.count("delivering")

        await until(tried_again, 20)
    assert integrator.count("delivered") == 0
    integrator.receiver.bodies.clear()
    integrator.receiver.headers.clear()
    integrator.receiver.answer = no_content
    integrator.let_pass("20 minutes")

    async def all_told() -> bool:
        return integrator.count("delivered") == 20

    await until(all_told, 30)
    for order in orders:
        assert integrator.heard_of(order) == ["placed", "paid", "shipped", "completed"]
