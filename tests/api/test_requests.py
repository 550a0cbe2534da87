"""Whatever is sent, the answer is no fault of ours: bodies, methods, headers, other pages."""

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from functions.kit.metrics import REGISTRY
from tests.api.calling import UNKNOWN, Person, order_of
from tests.api.conftest import serve, settings_of
from tests.conftest import Stack
from tests.waiting import until

JSON = {"Content-Type": "application/json"}
NOT_JSON = {
    "half": b'{"displayName": "a',
    "empty": b"",
    "blank": b"  \n",
    "words": b"displayName=a",
    "trailing": b'{"displayName": "a"} x',
    "two": b'{"displayName": "a"}{}',
    "single quotes": b"{'displayName': 'a'}",
    "comment": b'{"displayName": "a" /* b */}',
    "latin-1": '{"displayName": "ü"}'.encode("latin-1"),
    "broken UTF-8": b'{"displayName": "\xc3\x28"}',
    "NUL": b'{"displayName": "a\x00b"}',
    "deep list": b"[" * 60_000,
    "deep object": b'{"a":' * 10_000,
    "digits": b"1" * 50_000,
    "utf-7": b"+AHs-+AH0-",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_is_refused(shopper: Person, body: bytes) -> None:
    for method, path in (("PATCH", "/me"), ("POST", "/orders"), ("POST", "/quotes")):
        reply = await shopper.ask(method, path, data=body)
        assert reply.refusal in {(400, "malformed_json"), (422, "invalid_request")}
        if body.strip():
            assert reply.status == 400


def nested(depth: int) -> bytes:
    return b'{"displayName": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


async def test_a_body_has_a_bounded_depth(shopper: Person) -> None:
    brackets = json.dumps({"displayName": "[{" * 90 + '"\\'}).encode()
    wide = b'{"displayName": [' + b"[]," * 200 + b"[]]}"
    for body, expected in (
        (nested(64), (422, "invalid_request")),
        (nested(65), (400, "malformed_json")),
        (wide, (422, "invalid_request")),
    ):
        assert (await shopper.ask("PATCH", "/me", data=body)).refusal == expected
    assert (await shopper.ask("PATCH", "/me", data=brackets)).status == 200
    assert (await shopper.ask("PATCH", "/me", data=b'{"' + b'\\"' * 30_000)).status == 400


async def test_wherever_the_parser_gives_up_it_is_no_fault_of_ours(shopper: Person) -> None:
    for depth in range(800, 1000):
        key = {"Idempotency-Key": str(depth)}
        reply = await shopper.ask("PATCH", "/me", data=nested(depth), headers=key)
        assert reply.refusal == (400, "malformed_json")


ODD = {
    "infinity": b'{"newsletter": 1e400}',
    "not a number": b'{"newsletter": NaN}',
    "huge": b'{"newsletter": 9223372036854775808}',
    "surrogate": b'{"newsletter": "\\ud800"}',
    "surrogate as a name": b'{"\\ud800": true}',
    "NUL as a name": b'{"\\u0000": true}',
    "prototype": b'{"__proto__": {"isStaff": true}}',
    "many names": json.dumps({f"f{number}": 1 for number in range(5000)}).encode(),
    "many lines": b'{"newsletter":' + b"\n" * 10_000 + b'"perhaps"}',
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
async def test_odd_values_are_refused_in_a_short_answer(shopper: Person, body: bytes) -> None:
    reply = await shopper.ask("PATCH", "/me/preferences", data=body)
    assert reply.refusal == (422, "invalid_request")
    assert len(json.dumps(reply.body)) < 10_000


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/xml",
    ],
)
async def test_only_json_is_taken(shopper: Person, kind: str) -> None:
    reply = await shopper.ask("PATCH", "/me", {"displayName": "a"}, headers={"Content-Type": kind})
    assert reply.refusal == (415, "unsupported_media_type")


async def test_json_may_say_its_charset(shopper: Person) -> None:
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await shopper.ask("PATCH", "/me", {"displayName": ""}, headers=kind)).status == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_nothing_compressed_is_unpacked(shopper: Person, coding: str) -> None:
    plain = b'{"displayName": "' + b"a" * 20_000_000 + b'"}'
    bomb = gzip.compress(plain) if "gzip" in coding else zlib.compress(plain)
    headers = JSON | {"Content-Encoding": coding}
    reply = await shopper.ask("PATCH", "/me", data=bomb, headers=headers)
    assert reply.refusal == (415, "unsupported_media_type")


async def test_a_body_has_a_bounded_size(shopper: Person) -> None:
    most = b'{"displayName": "a"}'.ljust(64_000)
    assert (await shopper.ask("PATCH", "/me", data=most)).status == 200
    assert (await shopper.ask("PATCH", "/me", data=most + b" ")).refusal == (413, "too_large")


async def test_an_endless_body_is_refused_early(shopper: Person) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    async with asyncio.timeout(10):
        with contextlib.suppress(aiohttp.ClientConnectionError):  # it may hang up while we send
            reply = await shopper.ask("PATCH", "/me", data=endless())
            assert reply.refusal == (413, "too_large")
    assert (await shopper.get("/me")).status == 200


async def test_a_length_that_lies_gets_nobody_further(stack: Stack, shopper: Person) -> None:
    async with serve(settings_of(stack)) as client:
        url = str(client._base_url)
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        for length in ("999999999999999999999", "5", "-1", "1e3", "٣"):
            reader, writer = await asyncio.open_connection(host, int(port))
            head = f"PATCH /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shopper.token}\r\n"
            kind = f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            writer.write((head + kind).encode() + b'{"displayName": "a"}')
            async with asyncio.timeout(10):
                status = (await reader.readline()).split()[1:2]
            assert status in ([b"400"], [b"413"], [b"422"]), length
            writer.close()


async def test_a_body_that_nobody_asks_for_is_not_read(shopper: Person) -> None:
    reply = await shopper.ask("GET", "/me", data=b"x" * 200_000, headers=JSON)
    assert reply.status == 200
    cancel = f"/orders/{UNKNOWN}/cancel"
    for key in ({}, {"Idempotency-Key": "k"}):
        reply = await shopper.ask("POST", cancel, data=b"{" * 200_000, headers=JSON | key)
        assert reply.refusal == (404, "order_not_found")


ALLOWED = {
    "/me": "GET, HEAD, PATCH",
    "/users": "GET, HEAD, POST",
    f"/users/{UNKNOWN}": "GET, HEAD, PATCH",
    f"/users/{UNKNOWN}/deactivate": "POST",
    "/orders": "GET, HEAD, POST",
    f"/orders/{UNKNOWN}": "GET, HEAD",
    f"/products/{UNKNOWN}": "DELETE, GET, HEAD, PATCH",
    "/openapi.json": "GET, HEAD",
    "/health": "GET, HEAD",
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_other_methods_are_told_which_there_are(shopper: Person, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        if method not in ALLOWED[path]:
            reply = await shopper.ask(method, path)
            assert reply.refusal == (405, "method_not_allowed")
            assert reply.headers["Allow"] == ALLOWED[path]


async def test_head_is_get_without_its_body(shopper: Person) -> None:
    for path in ("/me", "/products", "/orders", "/nowhere", f"/orders/{UNKNOWN}"):
        got = await shopper.get(path)
        async with shopper.client.head(
            path, headers={"Authorization": f"Bearer {shopper.token}"}
        ) as head:
            assert (head.status, await head.read()) == (got.status, b"")
            kind = "Content-Type"
            assert head.headers[kind] == got.headers[kind]


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/me/", "/x//me", "/ME", "/users/..;/me", "/orders/a/b/c", "/m%65%00"]
)
async def test_elsewhere_is_nothing(shopper: Person, path: str) -> None:
    assert (await shopper.get(path)).refusal == (404, "not_found")


async def test_a_request_keeps_the_name_that_it_came_with(shopper: Person) -> None:
    named = await shopper.get("/me", headers={"X-Request-Id": "abc-123"})
    assert named.headers["X-Request-Id"] == "abc-123"
    odd = await shopper.get("/me", headers={"X-Request-Id": 'a b"<script>'})
    assert odd.headers["X-Request-Id"] != 'a b"<script>'


async def test_pages_of_the_shop_may_call_and_others_may_not(
    stack: Stack, client: aiohttp.ClientSession
) -> None:
    shop = stack.environment["WEB_URL"]
    asked = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
    }
    async with client.options("/users/1", headers=asked | {"Origin": shop}) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == shop
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    async with client.get("/me", headers={"Origin": shop}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == shop
        shown = answer.headers["Access-Control-Expose-Headers"]
        assert {"ETag", "X-Request-Id", "X-Cache", "Retry-After"} <= set(shown.split(", "))
        assert "Access-Control-Allow-Credentials" not in answer.headers
    for stranger in ("https://evil.example.com", "null", f"{shop}.evil.example.com", f"{shop}/"):
        async with client.options("/users/1", headers=asked | {"Origin": stranger}) as answer:
            assert answer.status == 400
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with client.get("/me", headers={"Origin": stranger}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_other_pages_may_call_if_the_settings_name_them(stack: Stack) -> None:
    settings = settings_of(stack, cors_origins="https://a.example.com, https://b.example.com/")
    async with serve(settings) as client:
        for name in "ab":
            origin = f"https://{name}.example.com"
            async with client.get("/me", headers={"Origin": origin}) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == origin


def count(**labels: str) -> float:
    return REGISTRY.get_sample_value("orderbase_requests_total", labels) or 0


async def test_who_hangs_up_in_the_middle_is_no_fault_of_ours(
    stack: Stack, shopper: Person, caplog: pytest.LogCaptureFixture
) -> None:
    gone = {"method": "PATCH", "route": "/me", "status": "499"}
    before = count(**gone)
    async with serve(settings_of(stack)) as client:
        url = client._base_url
        assert url
        _, writer = await asyncio.open_connection(url.host, url.port)
        head = f"PATCH /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shopper.token}\r\n"
        writer.write(
            f"{head}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{{".encode()
        )
        await writer.drain()
        writer.close()

        async def is_counted() -> bool:
            return count(**gone) == before + 1

        await until(is_counted)
    assert not [record for record in caplog.records if record.exc_info]


async def test_requests_are_counted_by_route_and_never_by_path(shopper: Person) -> None:
    known = {"method": "GET", "route": "/orders/{order_id}", "status": "404"}
    strange = {"method": "GET", "route": "none", "status": "404"}
    before = count(**known), count(**strange)
    await shopper.get(f"/orders/{UNKNOWN}")
    await shopper.get(f"/nowhere/{UNKNOWN}")
    assert (count(**known), count(**strange)) == (before[0] + 1, before[1] + 1)
    other = {"method": "other", "route": "/me", "status": "405"}
    before_other = count(**other)
    await shopper.ask("PROPFIND", "/me")
    assert count(**other) == before_other + 1
    samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    assert not any(UNKNOWN in str(sample.labels) for sample in samples)


async def test_text_is_text_in_every_answer(shopper: Person, new_product: object) -> None:
    text = "<script>alert(1)</script>{{7*7}}${7*7}=1+1"
    named = await shopper.patch("/me", {"displayName": text})
    assert named.body["displayName"] == text
    assert named.headers["Content-Type"] == "application/json"
    body = order_of(UNKNOWN)
    body["shippingAddress"] = body["shippingAddress"] | {"country": text}
    refused = await shopper.post("/orders", body)
    assert text not in json.dumps(refused.body)
