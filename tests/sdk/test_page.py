"""Pages and their cursors, without a network."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from orderbase import InvalidRequest, Page, tables
from orderbase._page import cursor, values_of
from tests.sdk.conftest import OpenShop
from tests.sdk.test_models import ORDER

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def encoded(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_cursor_brings_its_values_back_and_is_safe_in_an_address() -> None:
    key = uuid4()
    values = ["ü,\"'?&/+~", 7, 1.5, True, None, AT, key]
    after = cursor("cups", values)
    assert quote(after, safe="") == after
    assert values_of(after, "cups", 7) == [*values[:5], AT.isoformat(), str(key)]


@pytest.mark.parametrize(
    "after",
    [
        *("", "?", "é", "AAAA", "W10", "null", " " + cursor("cups", [1])),
        *(cursor("cups", [1])[:-1], cursor("cups", [1])[1:], cursor("cups", [1, 2])),
        *(cursor("mugs", [1]), encoded(["cups", [1]]), encoded(["cups", {"a": 1}])),
        *(encoded({"cups": 1}), encoded([1, 1]), encoded("cups"), "W1tb" * 5000),
    ],
)
def test_a_broken_or_foreign_cursor_is_refused(after: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        values_of(after, "cups", 1)
    assert refusal.value.code == "invalid_cursor"


def test_a_page_is_a_list() -> None:
    page = Page([1, 2], "more")
    assert (page, page[-1], page.next) == ([1, 2], 2, "more")
    assert Page[int]().next is None


def orders(count: int) -> Callable[[httpx.Request], httpx.Response]:
    """A server of so many orders, of which it gives 1000 at most at a time."""
    given: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = min(int(request.url.params["limit"]), 1000)
        assert ("lt" in request.url.params.get("and", "")) == bool(given)
        rows = [
            {**ORDER, "items": [], "number": number, "orderbase_id": str(uuid4())}
            for number in range(sum(given), min(count, sum(given) + wanted))
        ]
        # One more than is wanted was asked for, unless that is too many.
        given.append(min(len(rows), wanted - 1 if wanted < 1000 else wanted))
        return httpx.Response(200, json=rows)

    return answer


@pytest.mark.parametrize(("count", "limit", "is_last"), [
    (4, 5, True), (5, 5, True), (6, 5, False), (999, 999, True), (1001, 1000, False),
    (1000, 1000, False),  # nobody knows, as 1001 do not come
])  # fmt: skip
async def test_the_last_page_has_no_cursor(
    shop_over: OpenShop, count: int, limit: int, is_last: bool
) -> None:
    async with shop_over(orders(count)) as shop:
        page = await shop.orders.list(limit=limit)
    assert len(page) == min(count, limit)
    assert (page.next is None) == is_last


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1000, 1700])
async def test_each_reads_page_by_page(shop_over: OpenShop, count: int) -> None:
    async with shop_over(orders(count)) as shop:
        found = [order.number async for order in shop.orders.each()]
    assert found == list(range(count))


async def test_a_page_is_read_when_it_is_needed(shop_over: OpenShop) -> None:
    read: list[httpx.Request] = []
    answer = orders(1700)

    def counted(request: httpx.Request) -> httpx.Response:
        read.append(request)
        return answer(request)

    async with shop_over(counted) as shop:
        each = shop.orders.each()
        assert not read
        async for order in each:
            assert len(read) == order.number // 500 + 1


async def test_all_rows_are_all_rows(shop_over: OpenShop) -> None:
    """The database gives 1000 at a time: `all` asks for the others, too."""
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        params = dict(request.url.params)
        asked.append(params)
        count = min(int(params["limit"]), 1000 if len(asked) < 3 else 7)
        row = {"orders": 1, "status": "paid", "orderbase_status": "paid"}
        return httpx.Response(200, json=[row] * count)

    async with shop_over(answer) as shop:
        rows = shop.rows(tables.OrderCounts)
        assert len(await rows.all()) == 2007
        behind = "gt.paid"
        assert [params.get("status") for params in asked] == [None, behind, behind]
        asked.clear()
        assert len(await rows.limit(1500).all()) == 1500
        assert [params["limit"] for params in asked] == ["1000", "501"]
