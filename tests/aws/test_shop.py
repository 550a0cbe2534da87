"""Events of AWS against a whole shop whose functions run nowhere else."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import psycopg
import pytest
from PIL import Image
from psycopg.rows import dict_row
from supabase import AsyncClient

from local_stack.settings import Settings
from tests.aws.conftest import Deploy, LambdaError
from tests.aws.documents import REQUESTS, Event, batch, document, failures, request
from tests.aws.forgetful import Forgetful
from tests.conftest import Stack
from tests.end_to_end.conftest import ADDRESS, mails_to, new_shopper, place, user_of

Row = dict[str, Any]


def rows(settings: Settings, query: str, *arguments: object) -> list[Row]:
    with psycopg.connect(settings.database_url(), autocommit=True, row_factory=dict_row) as owner:
        cursor = owner.execute(query.encode(), arguments)
        return cursor.fetchall() if cursor.description else []


def status_of(settings: Settings, order: Row) -> str:
    [row] = rows(settings, "select status::text from public.orders where id = %s", order["id"])
    return str(row["status"])


def signed(settings: Settings, body: bytes) -> dict[str, str]:
    """The headers with which the database wakes a function."""
    message_id, at = f"wake_{uuid.uuid4()}", str(int(time.time()))
    content = f"{message_id}.{at}.".encode() + body
    digest = hmac.new(settings.keys.webhook_secret.encode(), content, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


@pytest.fixture
async def shopper(shop: Stack) -> AsyncClient:
    """A signed-in shopper."""
    return await new_shopper(shop)


@pytest.mark.parametrize("source", REQUESTS)
async def test_a_wake_up_is_answered_when_its_work_is_done(
    deploy: Deploy,
    settings: Settings,
    shopper: AsyncClient,
    new_product: Callable[..., str],
    source: str,
) -> None:
    order = await place(shopper, new_product())
    for name, status in (("orders", "shipped"), ("emails", "completed")):
        body = json.dumps({"queue": name}).encode()
        wake = request(source, "POST", f"/{name}/wake", body, signed(settings, body))
        assert deploy(name).invoke(wake)["statusCode"] == 202
        assert status_of(settings, order) == status
    mails = await mails_to(settings, (await user_of(shopper)).email)
    assert len([mail for mail in mails if "order" in mail["Subject"]]) == 2


async def test_a_wake_up_of_nobody_is_refused(deploy: Deploy, settings: Settings) -> None:
    reply = deploy("orders").invoke(request("http_api", "POST", "/orders/wake", b"{}"))
    problem = json.loads(reply["body"])
    assert (reply["statusCode"], problem["code"]) == (401, "invalid_signature")
    assert not reply["isBase64Encoded"]


@pytest.mark.parametrize("source", REQUESTS)
async def test_an_order_is_placed_over_any_gateway(
    deploy: Deploy,
    settings: Settings,
    shopper: AsyncClient,
    new_product: Callable[..., str],
    source: str,
) -> None:
    reply = deploy("api").invoke(await ordering(shopper, new_product(), source))
    placed = json.loads(reply["body"])
    assert (reply["statusCode"], placed["status"]) == (201, "placed")
    city = "select shipping_address ->> 'city' as city from public.orders where id = %s"
    assert rows(settings, city, placed["id"]) == [{"city": "K\u00f6ln"}]
    assert not reply["isBase64Encoded"]


async def ordering(shopper: AsyncClient, product: str, source: str = "http_api") -> Event:
    """The request that orders one of the product."""
    session = await shopper.auth.get_session()
    assert session
    order = {
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": ADDRESS | {"city": "K\u00f6ln"},
        "payment_method": "pm_card_visa",
    }
    headers = {
        "authorization": f"Bearer {session.access_token}",
        "content-type": "application/json",
    }
    body = json.dumps(order, ensure_ascii=False).encode()
    return request(source, "POST", "/orders", body, headers)


async def test_of_a_batch_only_the_bad_messages_come_again(
    deploy: Deploy, settings: Settings, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    orders = [await place(shopper, new_product()) for _ in range(2)]
    messages = [{"type": "order.placed", "order_id": order["id"], "total": 1} for order in orders]
    unknown = {"type": "order.unheard_of", "order_id": orders[0]["id"]}
    nobody = {"type": "order.placed", "order_id": str(uuid.uuid4())}
    event = batch(messages[0], unknown, "{", messages[1], nobody, messages[0])
    function = deploy("orders")
    assert function.invoke(event) == failures(event, 1, 2, 4)
    assert [status_of(settings, order) for order in orders] == ["shipped", "shipped"]
    assert function.invoke(event) == failures(event, 1, 2, 4)
    seen = "select id from private.delivered_events where id = any (%s)"
    assert len(rows(settings, seen, [record["messageId"] for record in event["Records"]])) == 3


async def test_a_file_of_s3_is_looked_at_and_what_has_gone_is_forgotten(
    deploy: Deploy, settings: Settings, new_product: Callable[..., str]
) -> None:
    product, images = new_product(), deploy("images")
    name, gone = f"{product}/two words+1.png", f"{product}/gone.png"
    noted = "select name, status from public.product_uploads where product_id = %s"
    await store(settings, name)
    rows(settings, "delete from public.product_uploads where product_id = %s", product)
    images.invoke(about_file("s3_created", f"{product}/two+words%2B1.png"))
    assert rows(settings, noted, product) == [{"name": name, "status": "processed"}]
    invented = "insert into public.product_uploads (product_id, name, version) values (%s, %s, '1')"
    rows(settings, invented, product, gone)
    images.invoke(document("s3_test"))
    assert len(rows(settings, noted, product)) == 2
    images.invoke(about_file("s3_removed", gone))
    assert [row["name"] for row in rows(settings, noted, product)] == [name]


def about_file(event: str, key: str) -> Event:
    said = document(event)
    said["Records"][0]["s3"]["object"]["key"] = key
    return said


async def store(settings: Settings, name: str) -> None:
    """Upload a picture, as staff do."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
    key = settings.keys.secret_key
    async with aiohttp.request(
        "POST",
        f"{settings.api_url}/storage/v1/object/product-uploads/{quote(name)}",
        data=picture.getvalue(),
        headers={"apikey": key, "content-type": "image/png"},
        raise_for_status=True,
    ):
        pass


@pytest.mark.parametrize("name", ["eventbridge_rule", "scheduler", "scheduler_input"])
async def test_a_tick_runs_its_job_once(deploy: Deploy, settings: Settings, name: str) -> None:
    at = {"eventbridge_rule": 10, "scheduler": 11, "scheduler_input": 12}[name]
    event, moment = document(name), f"2026-03-{at}T02:00:00Z"
    event |= {"scheduled_for": moment} if "job" in event else {"time": moment}
    schedules = deploy("schedules")
    for _ in range(2):
        schedules.invoke(event)
    runs = rows(
        settings,
        "select status, attempts from public.job_runs where job = 'daily' and scheduled_for = %s",
        moment,
    )
    assert runs == [{"status": "succeeded", "attempts": 1}]


async def test_a_tick_of_no_job_is_an_error(deploy: Deploy) -> None:
    with pytest.raises(LambdaError, match="DatabaseRefused"):
        deploy("schedules").invoke({"job": "nonsense"})


async def test_an_event_of_nobody_is_an_error(deploy: Deploy) -> None:
    with pytest.raises(LambdaError, match="UnknownEvent"):
        deploy("orders").invoke({"Records": [{"eventSource": "aws:dynamodb"}]})
    with pytest.raises(LambdaError, match="UnknownEvent"):
        deploy("api").invoke(document("sqs"))


async def test_connections_that_are_closed_while_it_is_frozen_are_not_used(
    deploy: Deploy, settings: Settings
) -> None:
    """No call is sent twice here: so it must not go over a dead connection."""
    async with Forgetful.before(settings.api_url) as network:
        schedules = deploy("schedules", SUPABASE_URL=network.url)
        for _ in range(3):
            await asyncio.to_thread(schedules.invoke, {"job": "hourly"})
            assert network.connections
            await network.forget()
