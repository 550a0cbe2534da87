"""Reading over plain HTTP: ranges, conditions, headers that keep content harmless, signed URLs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from local_stack.keys import Keys
from local_stack.settings import Settings
from local_stack.storage.signatures import Signatures
from tests.stack.storage_kit import StorageServer, noise, serve_storage


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def public(server: StorageServer) -> str:
    return await server.bucket(public=True)


@pytest_asyncio.fixture(scope="module")
async def digits(server: StorageServer, public: str) -> str:
    """The path of ten bytes that anyone can read."""
    await server.upload(f"{public}/digits", b"0123456789", cache_control="max-age=60")
    return f"/object/public/{public}/digits"


@pytest.mark.parametrize(
    ("asked", "given", "where"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=9-99", b"9", "bytes 9-9/10"),
    ],
)
async def test_a_range_gives_those_bytes(
    server: StorageServer, digits: str, asked: str, given: bytes, where: str
) -> None:
    reply = await server.call("GET", digits, headers={"Range": asked})
    assert (reply.status, reply.body) == (206, given)
    assert reply.headers["content-range"] == where
    assert reply.headers["content-length"] == str(len(given))


@pytest.mark.parametrize(
    "asked",
    ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "lines=1-2", "bytes=٣-٤"],
)
async def test_a_range_that_is_not_there_is_refused(
    server: StorageServer, digits: str, asked: str
) -> None:
    reply = await server.call("GET", digits, headers={"Range": asked})
    assert (reply.status, reply.refusal) == (416, ("416", "InvalidRange"))


async def test_a_large_file_comes_whole_and_in_parts(server: StorageServer, public: str) -> None:
    data = noise(3 << 20)
    await server.upload(f"{public}/large", data, kind="application/octet-stream")
    path = f"/object/public/{public}/large"
    assert (await server.call("GET", path)).body == data
    part = await server.call("GET", path, headers={"Range": "bytes=262143-1048577"})
    assert part.body == data[262143:1048578]


async def test_what_the_client_has_is_not_sent_again(server: StorageServer, digits: str) -> None:
    first = await server.call("GET", digits)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for condition in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"other", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": date},
    ):
        again = await server.call("GET", digits, headers=condition)
        assert (again.status, again.body) == (304, b""), condition
        assert again.headers["etag"] == tag
    for condition in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
        {"If-None-Match": '"other"', "If-Modified-Since": date},
    ):
        assert (await server.call("GET", digits, headers=condition)).status == 200, condition


async def test_head_tells_all_but_the_content(server: StorageServer, digits: str) -> None:
    full, head = await server.call("GET", digits), await server.call("HEAD", digits)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified", "cache-control"):
        assert head.headers[name] == full.headers[name], name
    assert head.headers["cache-control"] == "max-age=60"
    assert (await server.call("HEAD", digits + "x")).status == 400


async def test_download_names_the_file(server: StorageServer, digits: str) -> None:
    plain = await server.call("GET", digits + "?download=")
    assert plain.headers["content-disposition"] == "attachment;"
    named = await server.call("GET", digits + "?download=%22%0D%0Aa:%20%C3%A4.txt")
    name = "%22%0D%0Aa%3A%20%C3%A4.txt"
    expected = f"attachment; filename={name}; filename*=UTF-8''{name}"
    assert named.headers["content-disposition"] == expected


@pytest.mark.parametrize(
    ("kind", "sent_as"),
    [
        ("text/html", "text/plain; charset=utf-8"),
        ("TEXT/HTML; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/xhtml+xml", "text/plain; charset=utf-8"),
        ("image/svg+xml", "image/svg+xml"),
        ("Image/SVG+XML;a=b", "Image/SVG+XML;a=b"),
        ("text/xml", "text/xml"),
        ("application/rss+xml", "application/rss+xml"),
        ("text/javascript", "text/javascript"),
        ("image/png, text/html", "application/octet-stream"),
        ("text/html image/png", "application/octet-stream"),
        ("html", "application/octet-stream"),
    ],
)
async def test_pages_and_scripts_of_users_do_not_run(
    server: StorageServer, public: str, kind: str, sent_as: str
) -> None:
    data = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    await server.upload(f"{public}/evil.png", data, kind=kind, x_upsert="true")
    reply = await server.call("GET", f"/object/public/{public}/evil.png")
    assert (reply.body, reply.headers["content-type"]) == (data, sent_as)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    is_text = sent_as.startswith("text/plain")
    assert is_text or reply.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize("kind", ["image/png", "video/mp4", "text/plain", "application/pdf"])
async def test_harmless_content_is_shown_in_place(
    server: StorageServer, public: str, kind: str
) -> None:
    await server.upload(f"{public}/fine", b"...", kind=kind, x_upsert="true")
    reply = await server.call("GET", f"/object/public/{public}/fine")
    assert reply.headers["content-type"] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in reply.headers


async def test_a_signed_url_reads_one_object_until_it_expires(server: StorageServer) -> None:
    bucket = await server.bucket()
    for name in ("one", "two"):
        await server.upload(f"{bucket}/{name}", name.encode())
    path = f"/object/sign/{bucket}/one"
    signed = await server.call("POST", path, server.secret, json={"expiresIn": "60"})
    url = signed.body["signedURL"]
    reply = await server.call("GET", url)
    assert reply.body == b"one"
    token = url.partition("token=")[2]
    forger = Signatures(Keys.generate())
    own = Signatures(server.settings.keys)
    for path, bad in {
        f"/object/sign/{bucket}/two": token,
        f"/object/sign/{bucket}/one": own.sign("download", f"{bucket}/one", -1),
        f"/object/sign/{bucket}/one?": forger.sign("download", f"{bucket}/one", 60),
        f"/object/sign/{bucket}/one?x=1&": own.sign("upload", f"{bucket}/one", 60),
        f"/object/sign/{bucket}/one?y=1&": server.secret,
        f"/object/sign/{bucket}/one?z=1&": "a.b.c",
    }.items():
        separator = "" if path.endswith(("?", "&")) else "?"
        refused = await server.call("GET", f"{path}{separator}token={bad}")
        assert (refused.status, refused.body["statusCode"]) == (400, "400"), path
    assert (await server.call("GET", f"/object/sign/{bucket}/one")).status == 400
    as_bearer = await server.call("GET", f"/object/{bucket}/one", token)
    assert as_bearer.status == 400


async def test_a_row_without_a_file_is_not_found(server: StorageServer, public: str) -> None:
    for version in (None, "../../../../etc/passwd", "00000000-0000-4000-8000-000000000000"):
        server.sql(
            "insert into storage.objects (bucket_id, name, version) values (%s, 'ghost', %s)"
            " on conflict (bucket_id, name) do update set version = excluded.version",
            public,
            version,
        )
        reply = await server.call("GET", f"/object/public/{public}/ghost")
        assert reply.refusal == ("404", "NoSuchKey")


async def test_what_is_not_here_says_so(server: StorageServer, digits: str) -> None:
    image = digits.replace("/object", "/render/image")
    for path in (image, "/s3/bucket", "/cdn/x/y", "/iceberg/v1", "/vector/ListIndexes"):
        reply = await server.call("GET", path)
        assert reply.status == 501
        assert "not part of the embedded stack" in reply.body["message"]
    nowhere = await server.call("GET", "/nowhere")
    assert (nowhere.status, nowhere.body["statusCode"]) == (404, "404")
    assert (await server.call("PATCH", digits)).status == 405
