"""More buyers than goods, all at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import aiohttp
import psycopg

from tests.conftest import Stack
from tests.end_to_end.crowd import basket, buyers, order

BUYERS = 500
UNITS = 50


async def test_five_hundred_buyers_share_fifty_units(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    product = new_product(stock=UNITS)
    settings = stack.settings
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = await asyncio.gather(
            *(
                order(session, settings, buyer, basket(product))
                for buyer in buyers(settings, BUYERS)
            )
        )
    assert Counter(status for status, _ in answers) == {200: UNITS, 409: BUYERS - UNITS}
    refusals = [body for status, body in answers if status == 409]
    assert {body["details"] for body in refusals} == {"insufficient_stock"}
    assert all(product in body["hint"] for body in refusals)
    with psycopg.connect(settings.database_url()) as connection:
        [(free, orders)] = connection.execute(
            "select on_hand - reserved, (select count(*) from public.order_items as item"
            " where item.product_id = stock.product_id) from public.inventory as stock"
            " where product_id = %s",
            (product,),
        ).fetchall()
    assert (free, orders) == (0, UNITS)


async def test_baskets_in_opposite_order_do_not_wait_for_each_other_for_ever(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    products = [new_product(stock=200) for _ in range(4)]
    chance = random.Random(4)  # noqa: S311 - chance, not secrecy
    settings = stack.settings
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = await asyncio.gather(
            *(
                order(session, settings, buyer, basket(*chance.sample(products, 4)))
                for buyer in buyers(settings, 100)
            )
        )
    assert Counter(status for status, _ in answers) == {200: 100}


async def test_a_storm_of_one_request_is_one_order(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    request = basket(new_product())
    settings = stack.settings
    [buyer] = buyers(settings, 1)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = await asyncio.gather(
            *(order(session, settings, buyer, request) for _ in range(200))
        )
    assert {status for status, _ in answers} == {200}
    assert len({body["id"] for _, body in answers}) == 1
