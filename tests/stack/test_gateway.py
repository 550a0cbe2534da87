"""One address for all: keys, cross-origin headers, and REST passed on without loss."""

import json
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest

from tests.conftest import Stack


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP without a key."""
    async with aiohttp.ClientSession(stack.environment["SUPABASE_URL"]) as session:
        yield session


@pytest.mark.parametrize(
    ("name", "sees_orders"),
    [
        ("SUPABASE_PUBLISHABLE_KEY", False),
        ("SUPABASE_ANON_KEY", False),
        ("SUPABASE_SECRET_KEY", True),
        ("SUPABASE_SERVICE_ROLE_KEY", True),
    ],
)
@pytest.mark.parametrize("place", ["apikey", "bearer", "both"])
async def test_both_kinds_of_keys_work_wherever_clients_send_them(
    stack: Stack, http: aiohttp.ClientSession, name: str, sees_orders: bool, place: str
) -> None:
    key = stack.environment[name]
    headers = {}
    if place != "bearer":
        headers["apikey"] = key
    if place != "apikey":
        headers["Authorization"] = f"Bearer {key}"
    async with http.get("/rest/v1/products?limit=1", headers=headers) as answer:
        assert answer.status == 200
    async with http.get("/rest/v1/orders?limit=1", headers=headers) as answer:
        assert answer.status == (200 if sees_orders else 401)


async def test_a_key_that_is_none_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.get("/rest/v1/products", headers={"apikey": "sb_secret_guess"}) as answer:
        assert answer.status == 401


async def test_any_origin_may_ask_first(http: aiohttp.ClientSession) -> None:
    asked = {
        "Origin": "http://127.0.0.1:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apikey,authorization,x-client-info",
    }
    for path in ("/rest/v1/rpc/place_order", "/auth/v1/token", "/functions/v1/x"):
        async with http.options(path, headers=asked) as answer:
            assert answer.status in (200, 204)
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "apikey" in answer.headers["Access-Control-Allow-Headers"]
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]


async def test_answers_and_errors_may_be_read_by_any_origin(http: aiohttp.ClientSession) -> None:
    for path in ("/rest/v1/products", "/auth/v1/user", "/nowhere", "/auth/v1/nowhere"):
        async with http.get(path, headers={"Origin": "http://127.0.0.1:3000"}) as answer:
            assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
            assert "content-range" in answer.headers["Access-Control-Expose-Headers"].lower()


async def test_an_unknown_path_answers_json(http: aiohttp.ClientSession) -> None:
    async with http.get("/nowhere") as answer:
        assert answer.status == 404
        assert "message" in await answer.json()


async def test_what_is_missing_says_so(http: aiohttp.ClientSession) -> None:
    async with http.post("/graphql/v1", json={}) as answer:
        assert answer.status == 501
        assert "not part of the embedded stack" in (await answer.json())["message"]


async def test_rest_is_passed_on_without_loss(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The same requests, through the gateway and straight at PostgREST."""
    requests = [
        ("GET", "/products?select=name&order=name", {"Prefer": "count=exact", "Range": "0-4"}),
        ("GET", "/products?select=name,price&order=name", {"Accept": "text/csv"}),
        ("HEAD", "/products", {"Prefer": "count=exact"}),
        ("GET", "/products?slug=eq.teapot", {"Accept": "application/vnd.pgrst.object+json"}),
        ("GET", "/products?slug=eq.none", {"Accept": "application/vnd.pgrst.object+json"}),
        ("GET", "/products?name=like.*%25%20x*", {}),
        ("GET", "/products?select=nothing", {}),
        ("GET", "/products?offset=1000&limit=1", {"Prefer": "count=exact"}),
        ("OPTIONS", "/products", {}),
        ("DELETE", "/products?id=is.null", {}),
        ("GET", "/", {}),
    ]
    async with aiohttp.ClientSession(stack.settings.rest_url) as direct:
        for method, path, headers in requests:
            async with http.request(method, f"/rest/v1{path}", headers=headers) as ours:
                seen = (ours.status, await ours.read())
            async with direct.request(method, path, headers=headers) as theirs:
                wanted = (theirs.status, await theirs.read())
            assert seen == wanted, (method, path)
            for name in ("Content-Range", "Content-Type", "Allow", "WWW-Authenticate"):
                assert ours.headers.get(name) == theirs.headers.get(name), (method, path, name)


async def test_a_large_body_streams_through(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Far more than any buffer, both ways."""
    key = {"apikey": stack.environment["SUPABASE_SECRET_KEY"]}
    common = {"price": 1, "currency": "EUR", "description": "x" * 9_000}
    rows = [{"slug": f"large-{n}", "name": f"{n}"} | common for n in range(800)]
    body = BytesIO(json.dumps(rows).encode())
    headers = key | {"Prefer": "return=representation", "Content-Type": "application/json"}
    url = "/rest/v1/products?select=description"
    try:
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 201
            assert len(await answer.json()) == len(rows)
    finally:
        async with http.delete("/rest/v1/products?slug=like.large-*", headers=key) as answer:
            assert answer.status == 204
