"""Storage as the function speaks to it: bounded downloads, uploads that may repeat."""

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from functions.images.picture import Refused
from functions.images.storage import (
    Storage,
    StorageTrouble,
    StorageUnavailable,
    StorageUnreachable,
)
from local_stack.ports import Ports
from tests.functions.engine import SECRET_KEY
from tests.images.bucket import Bucket, running, settings_of

MOST = 1 << 20


@pytest.fixture
async def both() -> AsyncIterator[tuple[Bucket, Storage]]:
    async with running() as both:
        yield both


@pytest.fixture
def bucket(both: tuple[Bucket, Storage]) -> Bucket:
    return both[0]


@pytest.fixture
def storage(both: tuple[Bucket, Storage]) -> Storage:
    return both[1]


async def test_what_is_stored_comes_back_whatever_it_is_called(
    bucket: Bucket, storage: Storage
) -> None:
    for name in ("a/b.png", "a b?c=d&e#f%2e.jpg", "../x", "ä/ö.webp"):
        bucket.files[f"uploads/{name}"] = b"content"
        assert await storage.download("uploads", name, MOST) == b"content"
    assert {request.headers["apikey"] for request in bucket.asked} == {SECRET_KEY}
    assert not any("authorization" in request.headers for request in bucket.asked)


async def test_a_legacy_key_is_a_token_too(bucket: Bucket) -> None:
    storage = Storage(settings_of(bucket.url, "ey.a.b"))
    bucket.files["u/x"] = b""
    await storage.download("u", "x", MOST)
    assert bucket.asked[-1].headers["authorization"] == "Bearer ey.a.b"
    await storage.close()


async def test_a_gigabyte_is_refused_when_the_limit_is_reached(
    bucket: Bucket, storage: Storage
) -> None:
    bucket.instead = bucket.endless
    with pytest.raises(Refused) as refused:
        await storage.download("u", "x", MOST)
    assert refused.value.reason == "too_large"
    assert bucket.sent < 16 * MOST


async def test_exactly_the_limit_is_taken(bucket: Bucket, storage: Storage) -> None:
    bucket.files["u/x"] = bytes(MOST)
    assert len(await storage.download("u", "x", MOST)) == MOST
    bucket.files["u/x"] = bytes(MOST + 1)
    with pytest.raises(Refused):
        await storage.download("u", "x", MOST)


async def test_a_length_that_is_not_kept_is_trouble(bucket: Bucket, storage: Storage) -> None:
    async def instead(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"too little")
        assert request.transport
        request.transport.close()
        return response

    bucket.instead = instead
    with pytest.raises(StorageUnavailable):
        await storage.download("u", "x", MOST)


async def test_what_comes_packed_stays_packed(bucket: Bucket, storage: Storage) -> None:
    packed = gzip.compress(bytes(1 << 28), 9)
    await bucket.says(web.Response(body=packed, headers={"Content-Encoding": "gzip"}))
    assert await storage.download("u", "x", MOST) == packed


async def test_uploads_say_what_they_are_and_may_repeat(bucket: Bucket, storage: Storage) -> None:
    for _ in range(2):
        await storage.upload("i", "p/a.webp", b"w", kind="image/webp", cache_control="max-age=9")
    assert bucket.files == {"i/p/a.webp": b"w"}
    said = bucket.headers["i/p/a.webp"]
    assert (said["Content-Type"], said["Cache-Control"]) == ("image/webp", "max-age=9")


async def test_removing_may_repeat(bucket: Bucket, storage: Storage) -> None:
    bucket.files = {"i/a": b"", "i/b": b""}
    for _ in range(2):
        await storage.remove("i", ["a", "c"])
    assert bucket.files == {"i/b": b""}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (400, StorageTrouble),
        (401, StorageTrouble),
        (302, StorageTrouble),
        (429, StorageUnavailable),
        (500, StorageUnavailable),
        (544, StorageUnavailable),
    ],
)
async def test_what_storage_refuses_and_what_it_cannot(
    bucket: Bucket, storage: Storage, status: int, trouble: type[StorageTrouble]
) -> None:
    elsewhere = {"Location": f"{bucket.url}storage/v1/object/authenticated/u/y"}
    for call in (
        storage.download("u", "x", MOST),
        storage.upload("u", "x", b"", kind="image/webp", cache_control="no-cache"),
        storage.remove("u", ["x"]),
    ):
        await bucket.says(web.Response(status=status, text="not json", headers=elsewhere))
        with pytest.raises(StorageTrouble) as raised:
            await call
        assert type(raised.value) is trouble
        assert str(status) in str(raised.value)
    assert len(bucket.asked) == 3


async def test_nobody_there_is_said_apart() -> None:
    storage = Storage(settings_of(f"http://127.0.0.1:{Ports.free().rest}"))
    with pytest.raises(StorageUnreachable):
        await storage.download("u", "x", MOST)
    await storage.close()
