"""The functions are gone while orders come in: the sweeper alone must finish every order."""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import psycopg
import pytest
from supabase import AsyncClient

from local_stack.environment import variables
from local_stack.ports import HOST
from local_stack.settings import REPOSITORY, Settings
from local_stack.testing import running_stack
from tests.conftest import Stack
from tests.end_to_end.conftest import (
    charges,
    new_shopper,
    order_mails,
    place,
    user_of,
)
from tests.products import product_maker
from tests.waiting import until

ORDERS = 50
QUEUES = ("orders", "emails")


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack whose functions process belongs to the test."""
    with running_stack(without=["functions"]) as settings:
        yield Stack(settings)


@pytest.fixture
async def customer(own_stack: Stack) -> AsyncClient:
    """A signed-in shopper of that stack."""
    return await new_shopper(own_stack)


def start_functions(settings: Settings) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "uvicorn", "functions.main:app"),
            *(f"--host={HOST}", f"--port={settings.ports.functions}", "--log-level=warning"),
        ],
        cwd=REPOSITORY,
        env=variables(settings),
    )


async def test_orders_placed_during_an_outage_all_complete_once(
    own_stack: Stack, customer: AsyncClient
) -> None:
    settings = own_stack.settings
    product = product_maker(settings)(stock=ORDERS, price=100)
    placed = await asyncio.gather(*(place(customer, product) for _ in range(ORDERS)))
    await until(lambda: no_wake_up_waits(settings))

    functions = start_functions(settings)
    try:

        async def all_completed() -> bool:
            answer: Any = await customer.table("orders").select("status").execute()
            return Counter(row["status"] for row in answer.data) == {"completed": ORDERS}

        await until(all_completed, seconds=60)
    finally:
        functions.terminate()
        functions.wait(timeout=20)

    charged = Counter(charge["metadata"]["order_id"] for charge in await charges(settings))
    assert charged == {order["id"]: 1 for order in placed}
    mails = await order_mails(settings, (await user_of(customer)).email)
    subjects = Counter(mail["Subject"] for mail in mails)
    assert (len(subjects), set(subjects.values())) == (2 * ORDERS, {1})
    assert stock_of(settings, product) == (0, 0)


async def test_orders_whose_wake_ups_are_lost_are_swept_up(
    own_stack: Stack, customer: AsyncClient
) -> None:
    """The functions run all the time, but nobody tells them of these orders."""
    settings = own_stack.settings
    product = product_maker(settings)(stock=5)
    functions = start_functions(settings)
    try:
        await until(lambda: asleep(settings), seconds=60)
        redirect_wake_ups(settings, "http://127.0.0.1:9")
        for _ in range(5):
            await place(customer, product)
        await until(lambda: no_wake_up_waits(settings))
        redirect_wake_ups(settings, settings.functions_url)

        async def all_completed() -> bool:
            answer: Any = await customer.table("orders").select("status").execute()
            return Counter(row["status"] for row in answer.data) == {"completed": 5}

        await until(all_completed, seconds=40)
    finally:
        functions.terminate()
        functions.wait(timeout=20)


def redirect_wake_ups(settings: Settings, address: str) -> None:
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        connection.execute("select private.set_secret('functions_url', %s)", (address,))


async def asleep(settings: Settings) -> bool:
    """Whether the functions run, and those workers have found nothing more to do and left."""
    headers = {"Authorization": f"Bearer {settings.keys.metrics_token}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{settings.functions_url}/metrics") as answer,
        ):
            idle = r'^orderbase_draining{queue="(.*)"} 0\.0$'
            return set(QUEUES) <= set(re.findall(idle, await answer.text(), re.MULTILINE))
    except aiohttp.ClientError:
        return False


async def no_wake_up_waits(settings: Settings) -> bool:
    """Whether pg_net has sent all its hints: into the void, while no functions process runs."""
    async with await psycopg.AsyncConnection.connect(settings.database_url()) as connection:
        cursor = await connection.execute("select 1 from net.http_request_queue")
        return await cursor.fetchone() is None


def stock_of(settings: Settings, product: str) -> tuple[int, int]:
    with psycopg.connect(settings.database_url()) as connection:
        row = connection.execute(
            "select on_hand, reserved from public.inventory where product_id = %s", (product,)
        ).fetchone()
    assert row
    return row[0], row[1]
