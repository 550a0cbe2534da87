"""Names and JSON that nobody should send: the right refusal, and nothing written."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.storage_kit import StorageServer, serve_storage


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def bucket(server: StorageServer) -> str:
    name = await server.bucket()
    await server.upload(f"{name}/here")
    return name


BAD_KEYS = [
    "..",
    "../../etc/passwd",
    "a/../b",
    "a/./b",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e%252fpasswd",
    "..%5c..%5cwindows",
    "a%5cb",
    "%2fetc/passwd",
    "a//b",
    "a/",
    "%00",
    "a%00.png",
    "a%0d%0ab",
    "a%7f",
    "%ff%fe",
    "%c3%a4",
    "%ef%bc%8e%ef%bc%8e/x",
    "%e2%80%ae",
    "a%25b",
    "~root",
    "a%22b",
    "a%3cscript%3e",
    "k" * 1025,
]


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_a_key_that_could_mean_another_path_is_refused(
    server: StorageServer, bucket: str, key: str
) -> None:
    rows, files = server.sql("select count(*) from storage.objects"), server.files()
    stored = await server.upload(f"{bucket}/{key}")
    assert stored.refusal == ("400", "InvalidKey")
    signed = await server.call("POST", f"/object/upload/sign/{bucket}/{key}", server.secret)
    assert signed.refusal == ("400", "InvalidKey")
    for method in ("GET", "HEAD", "DELETE"):
        reply = await server.call(method, f"/object/{bucket}/{key}", server.secret)
        assert reply.status == 400
    assert server.sql("select count(*) from storage.objects") == rows
    assert server.files() == files


@pytest.mark.parametrize(
    "key", ["..", "a/../b", "/etc/passwd", "a\\b", "a\0b", "ä", "k" * 1025, "", "\ud83d\ude00"]
)
async def test_moving_and_copying_check_the_key_too(
    server: StorageServer, bucket: str, key: str
) -> None:
    body = {"bucketId": bucket, "sourceKey": "here", "destinationKey": key}
    for verb in ("move", "copy"):
        reply = await server.call("POST", f"/object/{verb}", server.secret, json=body)
        assert reply.body["statusCode"] == "400"
        assert reply.body["code"] in {"InvalidKey", "InvalidRequest"}
    assert (await server.call("GET", f"/object/{bucket}/here", server.secret)).body == b"hello"


@pytest.mark.parametrize("key", ["a b", "a+b", "it's", "(1)", "a,b", "a;b=1", "a@b", "k" * 1024])
async def test_odd_but_honest_keys_are_kept_as_they_are(
    server: StorageServer, bucket: str, key: str
) -> None:
    quoted = key.replace(" ", "%20").replace(";", "%3B")
    assert (await server.upload(f"{bucket}/{quoted}", b"odd")).body["Key"] == f"{bucket}/{key}"
    assert (await server.call("GET", f"/object/{bucket}/{quoted}", server.secret)).body == b"odd"


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "a\\b", "a\0", "ä", " a", "a ", "n" * 101, "a\n", None, 7]
)
async def test_bad_bucket_names_are_refused(server: StorageServer, name: object) -> None:
    for body in ({"name": name}, {"name": "fine", "id": name}):
        if body == {"name": "fine", "id": None} or body.get("id") == "":
            continue
        reply = await server.call("POST", "/bucket", server.secret, json=body)
        assert (reply.status, reply.body["statusCode"]) == (400, "400"), body


async def test_buckets_that_are_not_there_say_so(server: StorageServer, bucket: str) -> None:
    for missing in ("missing", "a%00b", "a%2fb", "%ff"):
        for method, path in (
            ("GET", f"/bucket/{missing}"),
            ("DELETE", f"/bucket/{missing}"),
            ("POST", f"/bucket/{missing}/empty"),
            ("POST", f"/object/{missing}/key"),
            ("GET", f"/object/{missing}/key"),
            ("GET", f"/object/public/{missing}/key"),
        ):
            reply = await server.call(method, path, server.secret)
            assert reply.body["statusCode"] in {"404", "400"}, (method, path)
    body = {"bucketId": bucket, "sourceKey": "here", "destinationKey": "x"}
    for verb in ("move", "copy"):
        target = body | {"destinationBucket": "missing"}
        reply = await server.call("POST", f"/object/{verb}", server.secret, json=target)
        assert reply.body["statusCode"] == "404"


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b'{"prefix": 1}',
    b'{"prefix": "\\u0000"}',
    b'{"prefix": "\\ud800"}',
    b'{"prefix": "\xff"}',
    b'{"prefix": "", "limit": 0}',
    b'{"prefix": "", "limit": -1}',
    b'{"prefix": "", "limit": 1e99}',
    b'{"prefix": "", "offset": 99999999999999999999}',
    b'{"prefix": "", "sortBy": {"column": "name; drop table"}}',
    b'{"prefix": "", "sortBy": {"order": "sideways"}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:40]))
async def test_json_that_is_not_what_was_asked_for_is_refused(
    server: StorageServer, bucket: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in (
        ("POST", "/bucket"),
        ("PUT", f"/bucket/{bucket}"),
        ("POST", f"/object/list/{bucket}"),
        ("POST", f"/object/sign/{bucket}"),
        ("POST", f"/object/sign/{bucket}/here"),
        ("POST", "/object/move"),
        ("POST", "/object/copy"),
        ("DELETE", f"/object/{bucket}"),
    ):
        reply = await server.call(method, path, server.secret, data=body, headers=headers)
        assert (reply.status, reply.body["statusCode"]) == (400, "400"), path
        as_text = await server.call(
            method, path, server.secret, data=body, headers={"Content-Type": "text/plain"}
        )
        assert as_text.body["statusCode"] == "415", path


async def test_a_json_body_is_bounded(server: StorageServer, bucket: str) -> None:
    large = json.dumps({"prefixes": ["k" * 1000] * 1100}).encode()
    headers = {"Content-Type": "application/json"}
    path = f"/object/{bucket}"
    reply = await server.call("DELETE", path, server.secret, data=large, headers=headers)
    assert reply.refusal == ("413", "EntityTooLarge")
    reply = await server.call("DELETE", path, server.secret, json={"prefixes": ["k"] * 1001})
    assert reply.refusal == ("400", "InvalidRequest")


@pytest.mark.parametrize("limit", ["20xb", "1e3kb", "-1", -1, 2**63, "99gb", 1.5, "٣mb"])
async def test_bad_size_limits_are_refused(
    server: StorageServer, bucket: str, limit: object
) -> None:
    reply = await server.call(
        "PUT", f"/bucket/{bucket}", server.secret, json={"file_size_limit": limit}
    )
    assert reply.body["statusCode"] in {"400", "413"}


@pytest.mark.parametrize("kind", ["png", "image", "image/", "a/b; c", "a/b\n", "x" * 5000])
async def test_bad_media_types_are_not_taken_into_a_list(
    server: StorageServer, bucket: str, kind: str
) -> None:
    reply = await server.call(
        "PUT", f"/bucket/{bucket}", server.secret, json={"allowed_mime_types": [kind]}
    )
    assert reply.refusal == ("415", "InvalidMimeType")


async def test_cursors_that_we_did_not_make_are_refused(server: StorageServer, bucket: str) -> None:
    for cursor in ("x", "e30=", "bm90IGpzb24=", "ä", "a" * 10_000):
        reply = await server.call(
            "POST", f"/object/list-v2/{bucket}", server.secret, json={"cursor": cursor}
        )
        assert reply.refusal == ("400", "InvalidParameter")


async def test_expiries_are_bounded(server: StorageServer, bucket: str) -> None:
    for seconds in (0, -1, 10**12, 10**30, "soon", None, 1.5):
        reply = await server.call(
            "POST", f"/object/sign/{bucket}/here", server.secret, json={"expiresIn": seconds}
        )
        assert reply.refusal == ("400", "InvalidRequest")


async def test_queries_of_the_bucket_list_are_checked(server: StorageServer) -> None:
    for query in ("limit=0", "limit=x", "offset=-1", "sortColumn=secret", "search=%00"):
        reply = await server.call("GET", f"/bucket?{query}", server.secret)
        assert reply.refusal == ("400", "InvalidRequest"), query
    some = await server.call("GET", "/bucket?limit=1&sortColumn=id&sortOrder=desc", server.secret)
    assert len(some.body) == 1
