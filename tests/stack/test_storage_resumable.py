"""Resumable uploads, spoken as TUS clients speak."""

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from local_stack.settings import Settings
from local_stack.storage.upload_states import LIFETIME, UploadStates
from tests.stack.storage_kit import LIMIT, Reply, StorageServer, noise, serve_storage

OFFSET = "application/offset+octet-stream"
ALICE = str(uuid4())


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def bucket(server: StorageServer) -> str:
    return await server.bucket(allowed_mime_types=["text/*"])


def described(bucket: str, key: str, **more: str) -> str:
    """The Upload-Metadata header."""
    fields = {"bucketName": bucket, "objectName": key, "contentType": "text/plain"} | more
    pairs = ((name, base64.b64encode(value.encode()).decode()) for name, value in fields.items())
    return ",".join(f"{name} {value}" for name, value in pairs)


async def tus(
    server: StorageServer,
    method: str,
    path: str,
    data: object = None,
    *,
    token: str | None = None,
    **headers: str,
) -> Reply:
    """One request of the protocol, as the service unless a token is given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = path.removeprefix("/storage/v1")
    sent = {"Tus-Resumable": "1.0.0"} | named
    return await server.call(method, path, token or server.secret, data=data, headers=sent)


async def begin(server: StorageServer, bucket: str, key: str, length: int, **headers: str) -> str:
    """A new upload; gives its address."""
    reply = await tus(
        server, "POST", "/upload/resumable", Upload_Length=str(length),
        **({"Upload_Metadata": described(bucket, key)} | headers),
    )  # fmt: skip
    assert reply.status == 201, reply
    return reply.headers["location"]


async def send(server: StorageServer, url: str, offset: int, data: bytes, **more: str) -> Reply:
    """Some of the file."""
    return await tus(
        server, "PATCH", url, data, Upload_Offset=str(offset), Content_Type=OFFSET, **more
    )


def largest(server: StorageServer) -> int:
    """How much of the furthest upload is on disk."""
    return max(path.stat().st_size for path in server.files("uploads"))


async def content(server: StorageServer, bucket: str, key: str) -> object:
    return (await server.call("GET", f"/object/{bucket}/{key}", server.secret)).body


async def test_a_file_in_pieces_becomes_an_object(server: StorageServer, bucket: str) -> None:
    data, key = noise(1_500_000), uuid4().hex
    metadata = described(bucket, key, cacheControl="60", metadata='{"a": 1}')
    url = await begin(server, bucket, key, len(data), Upload_Metadata=metadata)
    assert url.startswith("/storage/v1/upload/resumable/")
    for start in range(0, len(data), 600_000):
        head = await tus(server, "HEAD", url)
        assert head.headers["upload-offset"] == str(start)
        assert head.headers["upload-length"] == str(len(data))
        assert "upload-expires" in head.headers
        assert (await server.call("HEAD", f"/object/{bucket}/{key}", server.secret)).status == 400
        sent = await send(server, url, start, data[start : start + 600_000])
        assert sent.status == 204
        assert sent.headers["upload-offset"] == str(min(start + 600_000, len(data)))
        assert sent.headers["tus-resumable"] == "1.0.0"
    assert await content(server, bucket, key) == data
    info = (await server.call("GET", f"/object/info/{bucket}/{key}", server.secret)).body
    assert (info["cache_control"], info["metadata"]) == ("max-age=60", {"a": 1})
    finished = await tus(server, "HEAD", url)
    assert finished.headers["upload-offset"] == str(len(data))
    assert (await tus(server, "DELETE", url)).status == 400


async def test_the_first_bytes_may_come_with_the_announcement(
    server: StorageServer, bucket: str
) -> None:
    key, empty = uuid4().hex, uuid4().hex
    announced = {"Upload_Metadata": described(bucket, key), "Upload_Length": "5"}
    reply = await tus(
        server, "POST", "/upload/resumable", b"hello", Content_Type=OFFSET, **announced
    )
    assert (reply.status, reply.headers["upload-offset"]) == (201, "5")
    assert await content(server, bucket, key) == b"hello"
    await begin(server, bucket, empty, 0)
    assert await content(server, bucket, empty) == b""


async def test_an_upload_goes_on_after_a_cut_and_a_restart(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, data, key = tmp_path_factory.mktemp("restart"), noise(900_000), uuid4().hex
    async with serve_storage(bare_settings, home) as server:
        bucket = await server.bucket()
        url = await begin(server, bucket, key, len(data))
        head = (
            f"PATCH {url} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Authorization: Bearer {server.secret}\r\nContent-Type: {OFFSET}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        async with server.connect() as (_, writer):
            writer.write(head.encode() + data[:700_000])
            while largest(server) < 500_000:  # noqa: ASYNC110 - a file tells nobody that it grows
                await asyncio.sleep(0.005)
    async with serve_storage(bare_settings, home) as server:
        offset = int((await tus(server, "HEAD", url)).headers["upload-offset"])
        assert 500_000 < offset <= 700_000
        assert (await send(server, url, offset, data[offset:])).status == 204
        assert await content(server, bucket, key) == data


async def test_pieces_must_fit(server: StorageServer, bucket: str) -> None:
    key = uuid4().hex
    url = await begin(server, bucket, key, 10)
    assert (await send(server, url, 3, b"xxx")).status == 409
    assert (await send(server, url, 0, b"12345678901")).status == 413
    wrong_type = await tus(server, "PATCH", url, b"x", Upload_Offset="0", Content_Type="text/plain")
    assert wrong_type.status == 415
    assert (await tus(server, "PATCH", url, b"x", Content_Type=OFFSET)).status == 400
    assert (await send(server, url, 0, b"x", Tus_Resumable="0.2.2")).status == 412
    assert (await send(server, url, 0, b"x", Content_Encoding="aes")).status == 415
    assert (await tus(server, "HEAD", url)).headers["upload-offset"] == "0"
    assert (await send(server, url, 0, b"1234567890")).status == 204
    assert await content(server, bucket, key) == b"1234567890"


@pytest.mark.parametrize(
    ("length", "metadata", "status"),
    [
        ("", None, 400),
        ("-1", None, 400),
        ("1.5", None, 400),
        ("٣", None, 400),
        ("9" * 30, None, 413),
        (str(LIMIT + 1), None, 413),
        ("5", "", 400),
        ("5", "bucketName !!!", 400),
        ("5", "bucketName YQ==", 400),
    ],
)
async def test_an_announcement_that_cannot_be_is_refused(
    server: StorageServer, bucket: str, length: str, metadata: str | None, status: int
) -> None:
    header = described(bucket, "k") if metadata is None else metadata
    headers = {"Upload_Length": length, "Upload_Metadata": header}
    assert (await tus(server, "POST", "/upload/resumable", **headers)).status == status


async def test_the_bucket_decides_before_any_byte_comes(server: StorageServer, bucket: str) -> None:
    key = uuid4().hex
    await server.upload(f"{bucket}/{key}")
    for metadata, status in (
        (described("missing", key), 404),
        (described(bucket, "../x"), 400),
        (described(bucket, "new", contentType="image/png"), 415),
        (described(bucket, "new", contentType="text/plain\r\nA: b"), 400),
        (described(bucket, key), 409),
    ):
        reply = await tus(
            server, "POST", "/upload/resumable", Upload_Length="5", Upload_Metadata=metadata
        )
        assert reply.status == status, metadata
    url = await begin(server, bucket, key, 3, x_upsert="true")
    assert (await send(server, url, 0, b"new")).status == 204
    assert await content(server, bucket, key) == b"new"


async def test_an_upload_is_its_owners(server: StorageServer, bucket: str) -> None:
    key, alice = uuid4().hex, server.token(ALICE)
    headers = {"Upload_Length": "5", "Upload_Metadata": described(bucket, key)}
    refused = await tus(server, "POST", "/upload/resumable", token=alice, **headers)
    assert refused.status == 403
    with server.policy(key, f"for insert to authenticated with check (bucket_id = '{bucket}')"):
        begun = await tus(server, "POST", "/upload/resumable", token=alice, **headers)
        url = begun.headers["location"]
        bob = server.token(str(uuid4()))
        for method in ("HEAD", "PATCH", "DELETE"):
            reply = await tus(
                server, method, url, b"hello" if method == "PATCH" else None,
                token=bob, Upload_Offset="0", Content_Type=OFFSET,
            )  # fmt: skip
            assert reply.status == 403
        assert (await tus(server, "HEAD", url, token="nonsense")).status == 403  # noqa: S106
    gone = await tus(
        server, "PATCH", url, b"hello", token=alice, Upload_Offset="0", Content_Type=OFFSET
    )
    assert gone.status == 403  # the policy that let it in is no more
    assert (await tus(server, "DELETE", url, token=alice)).status == 204
    assert (await tus(server, "HEAD", url, token=alice)).status == 404


async def test_a_signature_takes_the_place_of_a_token(server: StorageServer, bucket: str) -> None:
    key = uuid4().hex
    signed = await server.call("POST", f"/object/upload/sign/{bucket}/{key}", server.secret)
    headers = {"Upload-Length": "5", "Upload-Metadata": described(bucket, key)}
    headers |= {"Tus-Resumable": "1.0.0", "x-signature": signed.body["token"]}
    path = "/upload/resumable/sign"
    wrong = headers | {"Upload-Metadata": described(bucket, "other")}
    assert (await server.call("POST", path, headers=wrong)).status == 400
    begun = await server.call("POST", path, headers=headers)
    url = begun.headers["location"].removeprefix("/storage/v1")
    assert url.startswith("/upload/resumable/sign/")
    headers |= {"Upload-Offset": "0", "Content-Type": OFFSET}
    assert (await server.call("PATCH", url, data=b"hello", headers=headers)).status == 204
    assert await content(server, bucket, key) == b"hello"


async def test_ids_are_not_paths(server: StorageServer) -> None:
    for upload in ("x", "..%2f..%2fkeys", "%00", "0" * 32, uuid4().hex):
        reply = await tus(server, "HEAD", f"/upload/resumable/{upload}")
        assert reply.status == 404


async def test_the_server_says_what_it_can(server: StorageServer) -> None:
    reply = await server.call("OPTIONS", "/upload/resumable")
    assert reply.status == 204
    assert reply.headers["tus-version"] == "1.0.0"
    assert "creation-with-upload" in reply.headers["tus-extension"]
    assert reply.headers["tus-max-size"] == str(LIMIT)
    exposed = reply.headers["access-control-expose-headers"]
    assert exposed.startswith("link, ")
    assert "upload-offset" in exposed


async def test_an_old_upload_is_given_up(server: StorageServer, bucket: str) -> None:
    url = await begin(server, bucket, uuid4().hex, 5)
    upload = url.rpartition("/")[2]
    folder = server.settings.home / "storage" / "uploads"
    note = folder / f"{upload}.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"expires": time.time() - 1}))
    assert (await tus(server, "HEAD", url)).status == 410
    past = time.time() - LIFETIME - 1
    for path in folder.glob(f"{upload}.*"):
        os.utime(path, (past, past))
    UploadStates(folder).remove_expired()
    assert not list(folder.glob(f"{upload}.*"))
    assert (await tus(server, "HEAD", url)).status == 404
