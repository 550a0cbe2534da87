"""SQL where values are expected: nothing is executed, nothing fails on the server's side."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import aiohttp
import pytest

from tests.conftest import Stack

PAYLOADS = [
    "'",
    '"',
    "' or '1'='1",
    "1) or (1=1",
    "'; drop table public.products; --",
    "1; select pg_sleep(60)",
    "' || pg_sleep(60) || '",
    "1 union select encrypted_password from auth.users",
    "*,(select secret from vault.secrets)",
    "$$; select pg_sleep(60); $$",
    "\\'; select 1 --",
    "%27%20or%201=1",
    "products),orders(",
    "name.cs.{a};",
    "../../auth/users",
    "x\n; select pg_sleep(60)",
]
PLACES = [
    "/rest/v1/products?select={}",
    "/rest/v1/products?order={}",
    "/rest/v1/products?id=eq.{}",
    "/rest/v1/products?name=in.({})",
    "/rest/v1/products?or=({})",
    "/rest/v1/products?limit={}",
    "/rest/v1/products?{}=eq.1",
    "/rest/v1/orders?shipping_address->>{}=eq.1",
    "/rest/v1/{}",
    "/rest/v1/rpc/{}",
    "/storage/v1/object/public/{}/x",
    "/storage/v1/object/info/avatars/{}",
    "/auth/v1/admin/users?page={}",
    "/auth/v1/verify?type=signup&token={}",
]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """With the secret key: what is injected would have every right."""
    headers = {"apikey": stack.environment["SUPABASE_SECRET_KEY"]}
    timeout = aiohttp.ClientTimeout(total=30)
    url = stack.environment["SUPABASE_URL"]
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        yield session


@pytest.mark.parametrize("place", PLACES)
async def test_sql_in_an_address_stays_a_value(http: aiohttp.ClientSession, place: str) -> None:
    for payload in PAYLOADS:
        path = place.format(quote(payload, safe=""))
        async with http.get(path, allow_redirects=False) as answer:
            assert answer.status < 500, (path, await answer.text())


@pytest.mark.parametrize("verb", ["place_order", "cancel_order", "order_feed"])
async def test_sql_in_an_argument_stays_a_value(http: aiohttp.ClientSession, verb: str) -> None:
    names = {
        "place_order": ["items", "shipping_address", "payment_method", "idempotency_key"],
        "cancel_order": ["order_id"],
        "order_feed": ["after"],
    }
    for payload in PAYLOADS:
        body = dict.fromkeys(names[verb], payload)
        async with http.post(f"/rest/v1/rpc/{verb}", json=body) as answer:
            assert 400 <= answer.status < 500, await answer.text()


async def test_sql_in_a_sign_in_stays_a_value(http: aiohttp.ClientSession) -> None:
    for payload in PAYLOADS:
        for body in ({"email": payload, "password": payload}, {"refresh_token": payload}):
            kind = "password" if "email" in body else "refresh_token"
            async with http.post(f"/auth/v1/token?grant_type={kind}", json=body) as answer:
                assert 400 <= answer.status < 500, await answer.text()
    async with http.get("/rest/v1/products?select=id", headers={"Prefer": "count=exact"}) as answer:
        assert answer.status == 200
