"""Storing over plain HTTP: limits, bodies that lie, and what a crash leaves behind."""

import asyncio
import gzip
import io
import re
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from local_stack.config import Storage, StorageBucket
from local_stack.settings import Settings
from local_stack.storage import bodies
from tests.stack.storage_kit import LIMIT, StorageServer, noise, serve_storage

PIECE = bytes(64 * 1024)
FORM = "multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name=""; filename="f"\r\n\r\nx\r\n--b--\r\n'


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def bucket(server: StorageServer) -> str:
    return await server.bucket()


def new_path(bucket: str) -> str:
    return f"{bucket}/{uuid4().hex}"


async def endless(pieces: int = 10**6) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield PIECE


def form(**fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    return data


async def is_stored(server: StorageServer, path: str) -> bool:
    return (await server.call("HEAD", f"/object/{path}", server.secret)).status == 200


async def test_metadata_comes_with_either_kind_of_body(server: StorageServer, bucket: str) -> None:
    raw, fields = new_path(bucket), new_path(bucket)
    await server.upload(
        raw, b"{}", kind="application/json", x_metadata="eyJhIjoxfQ==", cache_control="max-age=9"
    )
    data = form(cacheControl="9", metadata='{"a": 1}')
    data.add_field("", b"{}", filename="x", content_type="application/json")
    data.add_field("ignored", "after the file")
    reply = await server.call("POST", f"/object/{fields}", server.secret, data=data)
    assert reply.body["Key"] == fields
    for path in (raw, fields):
        info = (await server.call("GET", f"/object/info/{path}", server.secret)).body
        assert (info["size"], info["content_type"]) == (2, "application/json")
        assert (info["cache_control"], info["metadata"]) == ("max-age=9", {"a": 1})
        assert info["etag"] == '"99914b932bd37a50b983c5e7c90ae93b"'


async def test_a_file_may_be_empty_or_exactly_as_large_as_allowed(
    server: StorageServer, bucket: str
) -> None:
    for data in (b"", noise(LIMIT)):
        path = new_path(bucket)
        assert (await server.upload(path, data)).status == 200
        assert (await server.call("GET", f"/object/{path}", server.secret)).body == data


async def test_a_file_that_is_too_large_is_refused_however_it_comes(
    server: StorageServer, bucket: str
) -> None:
    path, before = new_path(bucket), server.files()
    in_form = form()
    in_form.add_field("file", io.BytesIO(bytes(LIMIT + 1)), filename="x")
    for body in (bytes(LIMIT + 1), endless(), in_form):
        headers = {} if body is in_form else {"Content-Type": "text/plain"}
        refused = await server.call(
            "POST", f"/object/{path}", server.secret, data=body, headers=headers
        )
        assert refused.refusal == ("413", "EntityTooLarge")
    assert not await is_stored(server, path)
    assert server.files() == before
    assert server.files("drafts") == set()


async def test_the_length_is_believed_before_the_body_comes(
    server: StorageServer, bucket: str
) -> None:
    head = (
        f"POST /storage/v1/object/{new_path(bucket)} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.secret}\r\nContent-Length: 99999999999\r\n\r\n"
    )
    async with server.connect() as (reader, writer):
        writer.write(head.encode())
        reply = await reader.readuntil(b"}")
    assert b'"statusCode": "413"' in reply


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Length: 1000", b"too short"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", b"zz\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", b"5\r\nhello, more than five\r\n0\r\n\r\n"),
        ("Content-Length: 5\r\nContent-Length: 6", b"hello!"),
        ("Content-Length: -5", b"hello"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
)
async def test_a_body_that_lies_about_its_length_is_not_stored(
    server: StorageServer, bucket: str, headers: str, body: bytes
) -> None:
    path, before = new_path(bucket), server.files()
    head = (
        f"POST /storage/v1/object/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {server.secret}\r\n{headers}\r\n\r\n"
    )
    async with server.connect() as (reader, writer):
        writer.write(head.encode() + body)
        writer.write_eof()
        reply = await reader.read()
    assert re.match(rb"(HTTP/1\.[01] 4\d\d|$)", reply), reply
    assert not await is_stored(server, path)
    assert server.files() == before


async def test_an_upload_that_stands_still_is_given_up(
    server: StorageServer, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_IDLE_SECONDS", 0.1)
    path = new_path(bucket)
    head = (
        f"POST /storage/v1/object/{path} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.secret}\r\nContent-Length: 100\r\n\r\nsome"
    )
    async with server.connect() as (reader, writer):
        writer.write(head.encode())
        reply = await reader.readuntil(b"}")
    assert reply.startswith(b"HTTP/1.1 408")
    assert server.files("drafts") == set()
    assert not await is_stored(server, path)


async def test_a_compressed_body_is_refused(server: StorageServer, bucket: str) -> None:
    bomb = gzip.compress(bytes(10 << 20))
    path = new_path(bucket)
    for encoding, body in (("gzip", bomb), ("GZIP", bomb), ("aes", b"?"), ("gzip, gzip", b"?")):
        refused = await server.upload(path, body, Content_Encoding=encoding)
        assert refused.refusal == ("415", "InvalidMimeType"), encoding
    assert not await is_stored(server, path)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        (FORM, b""),
        (FORM, b"no boundary at all"),
        (FORM, b"--b--\r\n"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="a"\r\n'),
        (FORM, FIELD % (b"a", b"no file") + b"--b--\r\n"),
        (FORM, FILE.removesuffix(b"\r\n--b--\r\n")),
        (FORM, FILE.removesuffix(b"--b--\r\n") + FILE),
        (FORM, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Length: x\r\n\r\n1\r\n--b--\r\n"),
    ],
)
async def test_a_broken_form_is_refused(
    server: StorageServer, bucket: str, kind: str, body: bytes
) -> None:
    path, before = new_path(bucket), server.files()
    refused = await server.upload(path, body, kind=kind)
    assert refused.refusal == ("400", "InvalidRequest")
    assert server.files() == before


async def test_fields_of_a_form_are_bounded(server: StorageServer, bucket: str) -> None:
    large = FIELD % (b"metadata", bytes((1 << 20) + 1))
    many = b"".join(FIELD % (b"field%d" % number, b"x") for number in range(11))
    for body, status in ((large, "413"), (many, "400")):
        reply = await server.upload(new_path(bucket), body + FILE, kind=FORM)
        assert reply.refusal[0] == status


async def test_headers_cannot_be_smuggled_in(server: StorageServer, bucket: str) -> None:
    for fields in (
        {"contentType": "text/plain\r\nSet-Cookie: a=b"},
        {"cacheControl": "1\r\nSet-Cookie: a=b"},
        {"contentType": "a" * 300},
    ):
        data = form(**fields)
        data.add_field("file", b"x", filename="x")
        path = new_path(bucket)
        reply = await server.call("POST", f"/object/{path}", server.secret, data=data)
        assert reply.refusal == ("400", "InvalidRequest")
        assert not await is_stored(server, path)


async def test_metadata_that_postgres_cannot_hold_is_refused(
    server: StorageServer, bucket: str
) -> None:
    for metadata, status in (
        ('{"a": "\\u0000"}', "400"),
        ('{"a": NaN}', "400"),
        ("[" * 100_000, None),
        ("[1]", None),
        ("{", None),
    ):
        data = form(metadata=metadata)
        data.add_field("file", b"x", filename="x")
        reply = await server.call("POST", f"/object/{new_path(bucket)}", server.secret, data=data)
        assert (reply.status, reply.body.get("statusCode")) == (400 if status else 200, status)


async def test_memory_stays_flat_while_a_large_file_comes(
    bare_settings: Settings, tmp_path: Path
) -> None:
    size = 300 << 20
    config = Storage(file_size_limit=size)
    async with serve_storage(bare_settings, tmp_path, config) as server:
        path = new_path(await server.bucket())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert (await server.upload(path, endless(size // len(PIECE)))).status == 200
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert server.file_of(path).stat().st_size == size
        assert grown < 50 << 10  # KiB; client and server together
        await server.call("DELETE", f"/object/{path}", server.secret)


async def test_of_many_who_store_at_once_one_wins_and_leaves_nothing(
    server: StorageServer, bucket: str
) -> None:
    path, before = new_path(bucket), server.files()
    contents = [noise(70_000) for _ in range(10)]
    replies = await asyncio.gather(*(server.upload(path, data) for data in contents))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
    replies = await asyncio.gather(
        *(server.upload(path, data, x_upsert="true") for data in contents)
    )
    assert {reply.status for reply in replies} == {200}
    final = (await server.call("GET", f"/object/{path}", server.secret)).body
    assert final in contents
    assert server.files() - before == {server.file_of(path)}


async def test_a_reader_sees_old_or_new_never_a_mix(server: StorageServer, bucket: str) -> None:
    path = new_path(bucket)
    contents = [bytes([number]) * 400_000 for number in range(8)]
    await server.upload(path, contents[0])

    async def write() -> None:
        for content in contents:
            assert (await server.upload(path, content, x_upsert="true")).status == 200

    writer = asyncio.create_task(write())
    while not writer.done():
        reply = await server.call("GET", f"/object/{path}", server.secret)
        assert (reply.status, reply.body in contents) == (200, True)
    await writer


async def test_a_start_removes_what_a_crash_left(bare_settings: Settings, tmp_path: Path) -> None:
    config = Storage(
        buckets={"configured": StorageBucket(public=True, file_size_limit=7)},
    )
    async with serve_storage(bare_settings, tmp_path, config) as server:
        path = new_path(await server.bucket())
        await server.upload(path, b"kept")
        kept = server.file_of(path)
        orphan = kept.parent / f"{kept.parent.name}{str(uuid4())[2:]}"
        orphan.write_bytes(b"named, but never committed")
        (tmp_path / "storage" / "drafts" / uuid4().hex).write_bytes(b"half")
    async with serve_storage(bare_settings, tmp_path, config) as server:
        assert server.files() == {kept}
        assert server.files("drafts") == set()
        assert (await server.call("GET", f"/object/{path}", server.secret)).body == b"kept"
        made = (await server.call("GET", "/bucket/configured", server.secret)).body
        assert (made["public"], made["file_size_limit"]) == (True, 7)


async def test_a_bucket_keeps_its_rules_against_copies_and_moves(
    server: StorageServer, bucket: str
) -> None:
    pictures = await server.bucket(allowed_mime_types=["image/*"], file_size_limit=3)
    path = new_path(bucket)
    await server.upload(path, b"html", kind="text/html")
    await server.upload(f"{path}.png", b"1234", kind="image/png")
    await server.upload(f"{path}.gif", b"123", kind="image/gif")
    for verb in ("copy", "move"):
        for suffix, refusal in (("", "415"), (".png", "413"), (".gif", None)):
            body = {"bucketId": bucket, "sourceKey": path.partition("/")[2] + suffix}
            body |= {"destinationBucket": pictures, "destinationKey": verb + suffix}
            reply = await server.call("POST", f"/object/{verb}", server.secret, json=body)
            assert reply.body.get("statusCode") == refusal, (verb, suffix)


async def test_removing_objects_removes_their_files(server: StorageServer) -> None:
    bucket = await server.bucket()
    before = server.files()
    for key in ("a", "b", "c", "d"):
        await server.upload(f"{bucket}/{key}")
    moved = {"bucketId": bucket, "sourceKey": "b", "destinationKey": "e"}
    assert (await server.call("POST", "/object/move", server.secret, json=moved)).status == 200
    copied = moved | {"sourceKey": "e", "destinationKey": "f"}
    assert (await server.call("POST", "/object/copy", server.secret, json=copied)).status == 200
    await server.call("DELETE", f"/object/{bucket}/e", server.secret)
    copy = await server.call("GET", f"/object/{bucket}/f", server.secret)
    assert copy.body == b"hello"
    await server.call("DELETE", f"/object/{bucket}", server.secret, json={"prefixes": ["a"]})
    await server.call("POST", f"/bucket/{bucket}/empty", server.secret)
    assert server.files() == before
