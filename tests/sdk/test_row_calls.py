"""Typed access to tables: what is sent, how often, and what is refused before."""

import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from orderbase import ConnectionFailed, InvalidRequest, ServerError, tables
from orderbase._filters import compared, like, literal, one_of
from orderbase._keyset import Key, behind, ordered
from orderbase.schema import PublicProductPricesInsert, PublicProductsInsert
from tests.sdk.conftest import OpenShop
from tests.sdk.server import without_waiting
from tests.sdk.test_calls import Recorder, rows

PRODUCT: PublicProductsInsert = {"slug": "cup", "name": "Cup", "currency": "EUR", "price": 1}


def test_a_value_is_quoted_so_that_it_stays_a_value() -> None:
    assert compared("a", "eq", 'x"),b.eq."y\\') == r'a.eq."x\"),b.eq.\"y\\"'
    assert one_of("a", ["x,y", 'z"']) == r'a.in.("x,y","z\"")'
    for text in ("paid", b"paid"):  # whose letters would be values
        with pytest.raises(InvalidRequest):
            one_of("a", text)
    assert literal(b"\x00\xff") == r"\x00ff"
    assert literal(["a,b", 'c"']) == r'{"a,b","c\""}'
    assert literal({"a": [1]}) == '{"a":[1]}'
    assert (literal(True), literal(1.5)) == ("true", "1.5")


def test_a_pattern_with_a_star_is_a_regular_expression() -> None:
    assert like("a", "x%", any_case=False) == 'a.like."x%"'
    assert like("a", "x*.%_", any_case=True) == r'a.imatch."^x\\*\\..*.$"'
    assert like("a", r"\%*", any_case=False) == r'a.match."^%\\*$"'


def test_what_comes_behind_a_row() -> None:
    keys = [Key("at", descending=True), Key("id")]
    assert ordered(keys) == "at.desc,id.asc"
    assert behind(keys, ["x", 7]) == (
        'and(at.lte."x",or(at.lt."x",and(at.eq."x",id.gt."7")))'
    )  # fmt: skip
    assert behind([Key("id")], [7]) == 'id.gt."7"'
    nullable = [Key("at", nullable=True), Key("id")]
    assert behind(nullable, ["x", 7]) == 'or(at.gt."x",at.is.null,and(at.eq."x",id.gt."7"))'
    assert behind(nullable, [None, 7]) == 'and(at.is.null,id.gt."7")'
    nulls_first = [Key("at", nullable=True, nulls_first=True), Key("id")]
    assert ordered(nulls_first) == "at.asc.nullsfirst,id.asc"
    assert behind(nulls_first, [None, 7]) == 'or(at.not.is.null,and(at.is.null,id.gt."7"))'


async def test_nothing_in_a_value_becomes_a_parameter_of_its_own(shop_over: OpenShop) -> None:
    server = Recorder(rows())
    value = "x&limit=1#?select=*&%26"
    async with shop_over(server) as shop:
        await shop.rows(tables.Products).where(tables.Products.name == value).all()
    query = parse_qs(urlsplit(str(server.requests[0].url)).query)
    assert set(query) == {"select", "order", "limit", "name"}
    assert query["name"] == [f"eq.{value}"]


async def test_a_place_is_as_exact_as_the_database_wrote_it(shop_over: OpenShop) -> None:
    row = b'{"hour":"2026-01-01T00:00:00Z","label":"","metric":"m","value":%s}'
    two = b",".join(row % number for number in (b"12345678901234567.1", b"12345678901234567.2"))
    server = Recorder(*(httpx.Response(200, content=b"[" + two + b"]") for _ in range(2)))
    async with shop_over(server) as shop:
        query = shop.rows(tables.HourlyMetrics).order_by(tables.HourlyMetrics.value).limit(1)
        page = await query.page()
        await query.page(page.next)
    behind = parse_qs(urlsplit(str(server.requests[1].url)).query)
    assert '"12345678901234567.1"' in str(behind)


async def test_what_writes_is_sent_once(shop_over: OpenShop) -> None:
    server = Recorder(httpx.ReadError("reset"))
    async with shop_over(server, retries=2) as shop:
        without_waiting(shop)
        addresses = shop.rows(tables.Addresses)
        mine = addresses.where(tables.Addresses.label == "home")
        writing: list[Coroutine[Any, Any, object]] = [
            addresses.insert({"address": {}}),
            addresses.upsert({"address": {}}),
            mine.update({"label": "work"}),
            mine.delete(),
            shop.verb("place_order", {}, dict[str, object]),
        ]
        for attempt in writing:
            with pytest.raises(ConnectionFailed):
                await attempt
        sent = [request.method for request in server.requests]
        assert sent == ["POST", "POST", "PATCH", "DELETE", "POST"]


async def test_what_reads_is_sent_again(shop_over: OpenShop) -> None:
    server = Recorder(httpx.ReadError("reset"))
    async with shop_over(server, retries=2) as shop:
        without_waiting(shop)
        orders = shop.rows(tables.Orders)
        head = shop.verb("order_feed_head", {}, str, repeat=True)
        reading: list[Coroutine[Any, Any, object]] = [orders.all(), orders.count(), head]
        for attempt in reading:
            with pytest.raises(ConnectionFailed):
                await attempt
    assert len(server.requests) == 9


async def test_rows_of_different_columns_go_together(shop_over: OpenShop) -> None:
    server = Recorder(httpx.Response(201, json=[]))
    async with shop_over(server) as shop:
        await shop.rows(tables.Addresses).insert({"address": {}}, {"address": {}, "label": "x"})
    assert server.query["columns"] == "address,label"
    assert "missing=default" in server.requests[0].headers["prefer"]
    assert json.loads(server.requests[0].content) == [
        {"address": {}},
        {"address": {}, "label": "x"},
    ]


async def test_rows_that_may_be_there_have_the_same_columns(shop_over: OpenShop) -> None:
    server = Recorder(httpx.Response(201, json=[]))
    async with shop_over(server) as shop:
        prices = shop.rows(tables.ProductPrices)
        price: PublicProductPricesInsert = {
            "product_id": UUID(int=7), "country": "CH", "currency": "CHF", "price": 1
        }  # fmt: skip
        await prices.upsert(price, {**price, "country": "US"})
        assert server.query["on_conflict"] == "product_id,country"
        assert "resolution=merge-duplicates" in server.requests[0].headers["prefer"]
        await shop.rows(tables.Products).upsert({**PRODUCT}, on=[tables.Products.slug])
        assert server.query["on_conflict"] == "slug"
        addresses = shop.rows(tables.Addresses)
        with pytest.raises(InvalidRequest) as refusal:
            await addresses.upsert({"address": {}}, {"address": {}, "label": "x"})
        assert refusal.value.code == "invalid_query"
    assert len(server.requests) == 2


async def test_a_count_without_a_number_is_a_server_error(shop_over: OpenShop) -> None:
    for said, expected in (("0-0/57", 57), ("*/0", 0)):
        server = Recorder(httpx.Response(206, json=[], headers={"content-range": said}))
        async with shop_over(server) as shop:
            assert await shop.rows(tables.Orders).count() == expected
    for headers in ({}, {"content-range": "0-0/*"}):
        async with shop_over(Recorder(httpx.Response(200, json=[], headers=headers))) as shop:
            with pytest.raises(ServerError):
                await shop.rows(tables.Orders).count()


async def test_a_row_of_another_shape_is_a_server_error(shop_over: OpenShop) -> None:
    for body in (b"", b"{}", b'[{"id": 1}]', b"[1]"):
        async with shop_over(Recorder(httpx.Response(200, content=body))) as shop:
            with pytest.raises(ServerError) as failure:
                await shop.rows(tables.Orders).all()
            assert failure.value.code == "unreadable_answer"


async def test_a_query_never_changes(shop_over: OpenShop) -> None:
    server = Recorder(rows())
    async with shop_over(server) as shop:
        query = shop.rows(tables.Products)
        query.where(tables.Products.price == 5).order_by(tables.Products.name).limit(3)
        await query.all()
    assert "and" not in server.query
    assert (server.query["order"], server.query["limit"]) == ("id.asc", "1000")


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_1_to_1000_rows(shop_over: OpenShop, limit: int) -> None:
    async with shop_over(Recorder(rows())) as shop:
        with pytest.raises(InvalidRequest) as refusal:
            await shop.rows(tables.Products).limit(limit).page()
    assert refusal.value.code == "invalid_limit"
