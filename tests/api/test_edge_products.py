"""GET /products/{id} over a real database: an edit by any way is what the next reader sees."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from functions.kit.database import Database
from functions.kit.metrics import REGISTRY
from tests.api.calling import Person
from tests.api.conftest import settings_of
from tests.api.edge import edge, execute, token_of
from tests.api.redis_server import redis_server
from tests.conftest import Stack
from tests.functions.signing import BODY, headers
from tests.waiting import until


@pytest.fixture
async def strict(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """It asks for changes before each answer."""
    async with edge(stack, product_check_seconds=0) as client:
        yield client


@pytest.fixture
async def forgetful(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """It hears of changes by hints alone."""
    async with edge(stack, product_check_seconds=3600) as client:
        yield client


async def get(
    client: aiohttp.ClientSession, product: str, country: str | None = None, **headers: str
) -> tuple[str, Any]:
    """`X-Cache`, and the body."""
    params = {"country": country} if country else {}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.get(f"/products/{product}", params=params, headers=sent) as answer:
        return answer.headers["X-Cache"], await answer.json()


async def test_a_product_tells_what_is_on_sale_and_for_how_much(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1000)
    execute(stack, "insert into public.product_prices values (%s, 'US', 1300, 'USD')", product)
    for path, position in (("b.jpg", 2), ("a.jpg", 1)):
        execute(
            stack,
            "insert into public.product_images (product_id, path, alt, position)"
            " values (%s, %s, 'A', %s)",
            product,
            f"{product}/{path}",
            position,
        )
    _, body = await get(strict, product)
    assert (body["id"], body["price"], body["currency"]) == (product, 1000, "EUR")
    assert body["country"] is None
    assert [image["path"] for image in body["images"]] == [f"{product}/a.jpg", f"{product}/b.jpg"]
    cached, body = await get(strict, product, "US")
    assert (cached, body["price"], body["currency"]) == ("HIT", 1300, "USD")
    assert body["country"] == "US"
    assert (await get(strict, product, "DE"))[1]["price"] == 1000


EDITS = [
    "update public.products set price = 2000 where id = %(id)s",
    "update public.products set name = 'Other' where id = %(id)s",
    "insert into public.product_prices values (%(id)s, 'DE', 5, 'EUR')",
    "update public.product_prices set price = 6 where product_id = %(id)s",
    "delete from public.product_prices where product_id = %(id)s",
    "insert into public.product_images (product_id, path) values (%(id)s, gen_random_uuid())",
    "update public.product_images set alt = 'Other' where product_id = %(id)s",
    "delete from public.product_images where product_id = %(id)s",
    "update public.products set active = false where id = %(id)s",
    "update public.products set active = true where id = %(id)s",
    "delete from public.products where id = %(id)s",
]


async def test_every_kind_of_edit_is_what_the_next_reader_sees(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product, other = new_product(stock=0), new_product()
    with psycopg.connect(stack.settings.database_url(), autocommit=True) as connection:
        for edit in EDITS:
            await get(strict, product)
            await get(strict, other)
            assert (await get(strict, product))[0] == "HIT"
            connection.execute(edit.encode(), {"id": product})
            cached, _ = await get(strict, product)
            assert cached == "MISS", edit
            assert (await get(strict, other))[0] == "HIT", edit
    assert (await get(strict, product))[1]["code"] == "product_not_found"


async def test_an_edit_is_seen_when_it_commits_and_not_before(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    """Transactions end in another order than they began: none is lost between two questions."""
    product, other = new_product(price=1), new_product(price=1)
    url = stack.settings.database_url()
    price = "update public.products set price = 2 where id = %s"
    with psycopg.connect(url) as slow:
        slow.execute(price, (product,))
        execute(stack, price, other)
        assert (await get(strict, other))[1]["price"] == 2
        assert (await get(strict, product))[1]["price"] == 1
        slow.commit()
        assert (await get(strict, product))[1]["price"] == 2


async def test_an_edit_that_is_taken_back_changes_nothing(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1)
    await get(strict, product)
    with psycopg.connect(stack.settings.database_url()) as connection:
        connection.execute("update public.products set price = 2 where id = %s", (product,))
        connection.rollback()
    assert (await get(strict, product))[0] == "HIT"


async def test_selling_a_product_does_not_forget_it(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product()
    await get(strict, product)
    execute(
        stack,
        "insert into public.stock_movements (product_id, kind, on_hand_change, reserved_change)"
        " values (%s, 'received', 1, 0)",
        product,
    )
    assert (await get(strict, product))[0] == "HIT"


async def test_the_running_shop_hears_of_an_edit(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    """By the hint that the database sends after the commit."""
    product = new_product(price=1)
    async with aiohttp.ClientSession(stack.settings.functions_url) as client:
        assert (await get(client, product))[1]["price"] == 1
        execute(stack, "update public.products set price = 2 where id = %s", product)

        async def is_seen() -> bool:
            return bool((await get(client, product))[1]["price"] == 2)

        await until(is_seen)


async def test_a_hint_reaches_who_asks_for_changes_by_nothing_else(
    stack: Stack, forgetful: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1)
    await get(forgetful, product)
    execute(stack, "update public.products set price = 2 where id = %s", product)
    assert (await get(forgetful, product))[1]["price"] == 1
    secret = stack.settings.keys.webhook_secret
    for key, status in (("whsec_of_somebody_else_01234", 401), (secret, 200)):
        signed = headers(key, int(time.time()))
        async with forgetful.post("/api/product_changes", data=BODY, headers=signed) as answer:
            assert answer.status == status
    assert (await get(forgetful, product))[1]["price"] == 2


async def test_a_caller_may_insist_on_the_newest(
    stack: Stack, forgetful: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1)
    await get(forgetful, product)
    execute(stack, "update public.products set price = 2 where id = %s", product)
    assert (await get(forgetful, product))[1]["price"] == 1
    assert (await get(forgetful, product, cache_control="No-Cache"))[1]["price"] == 2


async def test_browsers_and_networks_ask_every_time_and_get_304(
    stack: Stack, strict: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1)
    await get(strict, product)
    url = f"/products/{product}"
    async with strict.get(url) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
        assert "CDN-Cache-Control" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
        assert 0 <= int(answer.headers["Age"]) < 60
        assert not [name for name in answer.headers if name.startswith("RateLimit")]
        tag = answer.headers["ETag"]
    async with strict.get(url, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
        assert (answer.headers["ETag"], answer.headers["X-Cache"]) == (tag, "HIT")
    execute(stack, "update public.products set price = 2 where id = %s", product)
    async with strict.get(url, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] != tag


async def test_what_is_not_on_sale_is_not_found_and_nobody_keeps_that(
    strict: aiohttp.ClientSession,
) -> None:
    async with strict.get(f"/products/{uuid.uuid4()}") as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
        assert (await answer.json())["code"] == "product_not_found"
    for path, status in (("x", 404), (f"{uuid.uuid4()}?country=de", 422)):
        async with strict.get(f"/products/{path}") as answer:
            assert answer.status == status


async def test_only_reads_of_the_database_count_against_the_limit(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    product = new_product()
    async with edge(stack, anonymous_requests_per_minute=1) as client:
        assert [(await get(client, product))[0] for _ in range(3)] == ["MISS", "HIT", "HIT"]
        async with client.get(f"/products/{uuid.uuid4()}") as answer:
            assert answer.status == 429
        insisting = {"Cache-Control": "no-cache"}
        async with client.get(f"/products/{product}", headers=insisting) as answer:
            assert answer.status == 429


async def test_an_editor_and_a_crowd_of_readers_never_disagree(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    """Whoever begins to read after a commit sees it, in two processes over one Redis."""
    product = new_product(price=1)
    committed = 1
    folder = stack.settings.home / "redis"
    folder.mkdir()
    async with AsyncExitStack() as open_things:
        server = await open_things.enter_async_context(redis_server(Path(folder)))
        clients = [
            await open_things.enter_async_context(
                edge(stack, product_check_seconds=0, redis_url=server.url)
            )
            for _ in range(2)
        ]
        done = asyncio.Event()

        async def read(client: aiohttp.ClientSession) -> int:
            count = 0
            while not done.is_set():
                least = committed
                _, body = await get(client, product)
                assert body["price"] >= least
                count += 1
            return count

        readers = [asyncio.create_task(read(client)) for client in clients * 4]
        edit = "update public.products set price = %s where id = %s"
        for price in range(2, 60):
            await asyncio.to_thread(execute, stack, edit, price, product)
            committed = price
        done.set()
        assert min(await asyncio.gather(*readers)) > 0


async def test_positions_of_another_life_tell_that_anything_may_have_changed(
    stack: Stack,
) -> None:
    async with Database.connect(settings_of(stack)) as database:
        [first] = await database.call("product_changes", {"position": None})
        assert (first["all"], first["product_ids"]) == (True, [])
        at, _, snapshot = first["position"].partition("/")
        [nothing] = await database.call("product_changes", {"position": first["position"]})
        assert not nothing["all"]
        for position in (
            "junk",
            f"{int(at) - 13 * 3600}/{snapshot}",  # too long ago
            f"{at}/9000000000000:9000000000000:",  # of a database that was restored since
        ):
            [all_of_them] = await database.call("product_changes", {"position": position})
            assert all_of_them["all"] is True


async def test_staff_name_the_version_that_they_saw_by_its_tag(
    strict: aiohttp.ClientSession, staff: Person, new_product: Callable[..., str]
) -> None:
    product = new_product(price=1)
    url = f"/products/{product}"
    async with strict.get(url) as answer:
        seen = answer.headers["ETag"]
    for price, status in ((2, 200), (3, 412)):
        sent = token_of(staff) | {"If-Match": seen}
        async with strict.patch(url, json={"price": price}, headers=sent) as answer:
            assert answer.status == status, await answer.text()
    assert (await get(strict, product))[1]["price"] == 2


async def test_an_editor_reads_their_own_edit_at_once(
    forgetful: aiohttp.ClientSession, staff: Person
) -> None:
    """Whether or not a hint of the database has come."""
    wanted = {"slug": f"own-{uuid.uuid4()}", "name": "Own", "price": 1, "currency": "EUR"}
    sent = token_of(staff)
    async with forgetful.post("/products", json=wanted, headers=sent) as answer:
        assert answer.status == 201, await answer.text()
        product, url = (await answer.json())["id"], answer.headers["Location"]
    assert (await get(forgetful, product))[1]["price"] == 1
    async with forgetful.patch(url, json={"price": 2}, headers=sent | {"If-Match": "*"}) as answer:
        assert answer.status == 200, await answer.text()
    assert (await get(forgetful, product))[1]["price"] == 2
    async with forgetful.delete(url, headers=sent | {"If-Match": "*"}) as answer:
        assert answer.status == 200, await answer.text()
    assert (await get(forgetful, product))[1]["code"] == "product_not_found"


async def test_the_fast_lane_answers_as_the_route_does(
    stack: Stack, forgetful: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    """A query that nobody knows goes by the route."""
    product = new_product(price=1)
    execute(stack, "insert into public.product_prices values (%s, 'US', 2, 'USD')", product)
    await get(forgetful, product)
    told = (
        *("ETag", "X-Cache", "Cache-Control", "Content-Type", "Vary", "Content-Length"),
        *("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"),
    )
    ages = []
    for country in ("", "country=US", "country=DE"):
        for sent in ({}, {"Origin": str(stack.settings.web_url)}, {"If-None-Match": "*"}):
            answers = []
            for lane in ("", "&unknown=1"):
                url = f"/products/{product}?{country}{lane}".rstrip("?")
                async with forgetful.get(url, headers=sent) as answer:
                    headers = {name: answer.headers.get(name) for name in told}
                    answers.append((answer.status, headers, await answer.read()))
                    ages.append(int(answer.headers["Age"]))
            assert answers[0] == answers[1]
            assert answers[0][1]["X-Cache"] == "HIT"
            assert answers[0][0] == (304 if sent.get("If-None-Match") else 200)
    assert ages == sorted(ages)
    counted = {"method": "GET", "route": "/products/{product_id}", "status": "304"}
    assert (REGISTRY.get_sample_value("orderbase_requests_total", counted) or 0) >= 6
