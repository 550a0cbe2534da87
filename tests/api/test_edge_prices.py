"""GET /pricing: by country, as far as anybody trusted tells it, and fit for shared caches."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

import aiohttp
import psycopg
import pytest

from tests.api.edge import edge, execute
from tests.conftest import Stack

HEADERS = ("CF-IPCountry", "X-Vercel-IP-Country", "CloudFront-Viewer-Country")


@pytest.fixture(scope="module")
def product(stack: Stack, new_product: Callable[..., str]) -> str:
    """1000 EUR cents, and 1300 US cents in the United States."""
    product = new_product(price=1000)
    execute(stack, "insert into public.product_prices values (%s, 'US', 1300, 'USD')", product)
    return product


async def country_and_price(
    client: aiohttp.ClientSession,
    product: str,
    headers: Sequence[tuple[str, str]] | Mapping[str, str] = (),
    **query: str,
) -> tuple[str | None, int, str]:
    params = {"product": product, **query}
    async with client.get("/pricing", params=params, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        body = await answer.json()
    [row] = body["data"]
    assert row["productId"] == product
    return body["country"], row["price"], row["currency"]


@pytest.mark.parametrize("header", HEADERS)
async def test_the_country_is_that_of_the_header(
    client: aiohttp.ClientSession, product: str, header: str
) -> None:
    assert await country_and_price(client, product, {header: "US"}) == ("US", 1300, "USD")
    assert await country_and_price(client, product, {header: "DE"}) == ("DE", 1000, "EUR")


@pytest.mark.parametrize("junk", ["XX", "T1", "us", "USA", "U", "", "U\xdc", "US, DE", "US;q=1"])
async def test_a_header_that_names_no_country_is_none(
    client: aiohttp.ClientSession, product: str, junk: str
) -> None:
    header = {"CF-IPCountry": junk}
    assert await country_and_price(client, product, header) == (None, 1000, "EUR")
    header["X-Vercel-IP-Country"] = "US"
    assert (await country_and_price(client, product, header))[0] == "US"


async def test_two_headers_of_one_name_are_none(
    client: aiohttp.ClientSession, product: str
) -> None:
    headers = [("CF-IPCountry", "US"), ("CF-IPCountry", "DE")]
    assert (await country_and_price(client, product, headers))[0] is None


async def test_headers_of_a_stranger_are_not_believed(stack: Stack, product: str) -> None:
    for trusted in ("", "10.0.0.0/8, ::1/128"):
        async with edge(stack, trusted_proxies=trusted, default_country="DE") as client:
            for header in HEADERS:
                found = await country_and_price(client, product, {header: "US"})
                assert found == ("DE", 1000, "EUR")


async def test_only_headers_that_the_proxy_sets_are_believed(stack: Stack, product: str) -> None:
    async with edge(stack, country_headers="CloudFront-Viewer-Country") as client:
        headers = {"CF-IPCountry": "US", "CloudFront-Viewer-Country": "FR"}
        assert (await country_and_price(client, product, headers))[0] == "FR"


async def test_the_query_wins_over_headers_and_default(stack: Stack, product: str) -> None:
    async with edge(stack, default_country="US") as client:
        assert (await country_and_price(client, product))[0] == "US"
        headers = {"CF-IPCountry": "US"}
        assert (await country_and_price(client, product, headers, country="DE"))[0] == "DE"


@pytest.mark.parametrize(
    "query",
    [
        {"country": "de"},
        {"country": "DEU"},
        {"country": ""},
        {"product": "x"},
        {"limit": "0"},
        {"limit": "501"},
        {"cursor": "x"},
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(
    client: aiohttp.ClientSession, query: dict[str, str]
) -> None:
    async with client.get("/pricing", params=query) as answer:
        assert answer.status == 422
        assert (await answer.json())["code"] == "invalid_request"


async def test_at_most_a_hundred_products_are_named(client: aiohttp.ClientSession) -> None:
    for many, status in ((100, 200), (101, 422)):
        names = [("product", str(uuid.uuid4())) for _ in range(many)]
        async with client.get("/pricing", params=names) as answer:
            assert answer.status == status


async def test_pages_hold_every_product_on_sale_once(
    stack: Stack, client: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    products = [new_product() for _ in range(5)]
    execute(stack, "update public.products set active = false where id = %s", products[0])
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "7"} | ({"cursor": cursor} if cursor else {})
        async with client.get("/pricing", params=params) as answer:
            body = await answer.json()
        assert len(body["data"]) <= 7
        seen += [row["productId"] for row in body["data"]]
        cursor = body["nextCursor"]
    assert len(seen) == len(set(seen)) >= 24 + 4
    assert set(products) - set(seen) == {products[0]}


@pytest.fixture
def large_catalogue(stack: Stack) -> Iterator[set[str]]:
    """More products than PostgREST answers at once."""
    with psycopg.connect(stack.settings.database_url(), autocommit=True) as connection:
        made = connection.execute(
            "insert into public.products (slug, name, price, currency)"
            " select 'many-' || gen_random_uuid(), 'Many', 1, 'EUR' from generate_series(1, 1001)"
            " returning id::text"
        )
        products = {row[0] for row in made}
        yield products
        connection.execute("delete from public.products where slug like 'many-%'")


async def test_no_product_of_a_large_catalogue_is_lost_between_pages(
    client: aiohttp.ClientSession, large_catalogue: set[str]
) -> None:
    seen: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        async with client.get("/pricing", params={"cursor": cursor} if cursor else {}) as answer:
            body = await answer.json()
        seen |= {row["productId"] for row in body["data"]}
        cursor = body["nextCursor"]
    assert large_catalogue <= seen


def varies(answer: aiohttp.ClientResponse) -> set[str]:
    return set(answer.headers["Vary"].lower().split(", "))


async def test_shared_caches_may_keep_prices_by_what_they_depend_on(
    client: aiohttp.ClientSession, product: str
) -> None:
    async with client.get("/pricing", params={"product": product}) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.headers["CDN-Cache-Control"] == "max-age=86400"
        assert varies(answer) == {"origin", *(header.lower() for header in HEADERS)}
        assert not [name for name in answer.headers if name.startswith("RateLimit")]
        tag = answer.headers["ETag"]
    async with client.get("/pricing", params={"product": product, "country": "DE"}) as answer:
        assert varies(answer) == {"origin"}
        assert answer.headers["ETag"] != tag
    for given, status in ((tag, 304), (f'"other", W/{tag}', 304), ("*", 304), ('"x"', 200)):
        headers = {"If-None-Match": given}
        async with client.get("/pricing", params={"product": product}, headers=headers) as answer:
            assert answer.status == status
            assert answer.headers["ETag"] == tag
            assert (await answer.read() == b"") is (status == 304)


async def test_asking_for_prices_counts_against_the_limit(stack: Stack) -> None:
    async with edge(stack, anonymous_requests_per_minute=3) as client:
        statuses = []
        for _ in range(4):
            async with client.get("/pricing", params={"limit": "1"}) as answer:
                statuses.append(answer.status)
        assert statuses == [200, 200, 200, 429]
