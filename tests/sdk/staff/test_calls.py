"""What of the back office is sent again when its answer was lost, and what no error says."""

import asyncio
import json
import traceback
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from orderbase import ConnectionFailed, Money, Request, Response, ServerError, TimedOut
from orderbase.staff import AsyncStaff
from tests.sdk.conftest import Make, OpenShop
from tests.sdk.server import without_waiting

ID = UUID(int=7)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PRICE = Money(1, "EUR")
NOW = "2026-01-02T03:04:05.678901+00:00"
UPLOAD = {
    "id": str(ID), "product_id": str(ID), "name": f"{ID}/a.png", "version": "1",
    "status": "queued", "reason": None, "explanation": None, "created_at": NOW, "updated_at": NOW,
}  # fmt: skip
SECRET = "whsec_c2VjcmV0"  # noqa: S105 - of nobody

Deed = Callable[[AsyncStaff], Coroutine[Any, Any, object]]

ONCE: dict[str, Deed] = {
    "retry_like": lambda staff: staff.dead_letters.retry_like(7),
    "run": lambda staff: staff.jobs.run("daily"),
    "create": lambda staff: staff.webhooks.create("https://example.com/"),
    "rotate_secret": lambda staff: staff.webhooks.rotate_secret(ID),
    "delete": lambda staff: staff.webhooks.remove(ID),
    "test": lambda staff: staff.webhooks.test(ID),
    "redeliver": lambda staff: staff.webhooks.deliveries.redeliver(7),
    "redeliver_all": lambda staff: staff.webhooks.deliveries.redeliver_all(ID, since=SINCE),
    "replay": lambda staff: staff.webhooks.deliveries.replay(ID, after="0-0"),
    "create product": lambda staff: staff.products.create(slug="a", name="A", price=PRICE),
    "change what was seen": lambda staff: staff.products.change(ID, version=1, name="A"),
    "edit what was seen": lambda staff: staff.users.change(ID, version="v", display_name="A"),
    "resend": lambda staff: staff.emails.resend(ID),
    "upload": lambda staff: staff.images.upload(ID, b"x", name="a.png"),
}
AGAIN: dict[str, Deed] = {
    "retry": lambda staff: staff.dead_letters.retry(7),
    "give_up": lambda staff: staff.dead_letters.give_up(7),
    "acknowledge": lambda staff: staff.alarms.acknowledge(ID),
    "change": lambda staff: staff.webhooks.change(ID, description="x"),
    "enable": lambda staff: staff.webhooks.enable(ID),
    "disable": lambda staff: staff.webhooks.disable(ID),
    "discard": lambda staff: staff.webhooks.deliveries.discard(7),
    "health": lambda staff: staff.jobs.health(),
    "sales": lambda staff: staff.reports.sales(SINCE.date(), SINCE.date()),
    "results": lambda staff: staff.experiments.results("x"),
    "ship": lambda staff: staff.orders.ship(ID, carrier="dhl", tracking_number="1"),
    "fail": lambda staff: staff.orders.fail_shipping(ID, code="out_of_stock", message="m"),
    "deliver": lambda staff: staff.orders.deliver(ID),
    "refund": lambda staff: staff.orders.refund(ID, amount=PRICE, reason="r"),
    "receive": lambda staff: staff.stock.receive(ID, 1),
    "adjust": lambda staff: staff.stock.adjust(ID, -1, note="n"),
    "change product": lambda staff: staff.products.change(ID, version=None, name="A"),
    "edit user": lambda staff: staff.users.change(ID, version=None, display_name="A"),
    "end_sessions": lambda staff: staff.users.end_sessions(ID),
    "replace": lambda staff: staff.images.upload(ID, b"x", name="a.png", replace=True),
    "describe": lambda staff: staff.images.describe(ID, alt="A cup"),
}


async def times_sent(shop_over: OpenShop, deed: Deed) -> int:
    """How often a deed is sent whose answers are all lost."""
    sent: list[str] = []

    def lose(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        raise httpx.ReadError("the line is dead")

    async with shop_over(lose, retries=2) as shop:
        without_waiting(shop)
        with pytest.raises(ConnectionFailed):
            await deed(shop.staff)
    return len(sent)


@pytest.mark.parametrize("name", ONCE)
async def test_what_would_be_done_twice_is_sent_once(shop_over: OpenShop, name: str) -> None:
    assert await times_sent(shop_over, ONCE[name]) == 1


@pytest.mark.parametrize("name", AGAIN)
async def test_what_is_once_however_often_is_sent_again(shop_over: OpenShop, name: str) -> None:
    assert await times_sent(shop_over, AGAIN[name]) == 3


@pytest.mark.parametrize("name", ["refund", "receive", "adjust"])
async def test_what_is_sent_again_has_the_same_key(shop_over: OpenShop, name: str) -> None:
    keys: list[str] = []

    def lose(request: httpx.Request) -> httpx.Response:
        keys.append(json.loads(request.content)["idempotency_key"])
        raise httpx.ReadError("the line is dead")

    async with shop_over(lose, retries=2) as shop:
        without_waiting(shop)
        with pytest.raises(ConnectionFailed) as failure:
            await AGAIN[name](shop.staff)
    assert keys == [str(failure.value.idempotency_key)] * 3


class SlowStorage:
    """Takes longer for an upload than the client waits for an answer."""

    async def send(self, request: Request) -> Response:
        if "/storage/" in request.url:
            await asyncio.sleep(0.2)
            return Response(200)
        return Response(200, json.dumps([UPLOAD]).encode())

    async def aclose(self) -> None:
        """Nothing was opened."""


async def test_a_large_file_may_take_longer_than_the_client_waits(make: Make) -> None:
    patience = {"timeout": 0.1, "deadline": 0.1, "retries": 0, "transport": SlowStorage()}
    async with make("http://shop.test", "key", **patience) as shop:
        with pytest.raises(TimedOut):
            await shop.staff.images.upload(ID, b"x", name="a.png")
        large = await shop.staff.images.upload(ID, bytes(1 << 20), name="a.png")
        assert large.status == "queued"


@pytest.mark.parametrize(
    ("deed", "answer"),
    [
        (ONCE["create"], [{"secret": SECRET}]),
        (ONCE["create"], [{"endpoint_id": SECRET, "secret": 7}]),
        (ONCE["rotate_secret"], {"secret": SECRET}),
    ],
)
async def test_an_answer_that_is_not_understood_shows_no_secret(
    shop_over: OpenShop, deed: Deed, answer: object
) -> None:
    def answered(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(answer))

    async with shop_over(answered) as shop:
        with pytest.raises(ServerError) as failure:
            await deed(shop.staff)
    assert failure.value.code == "unreadable_answer"
    assert SECRET not in "".join(traceback.format_exception(failure.value))
