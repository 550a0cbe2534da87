"""The official clients, unmodified, against Storage."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from storage3.exceptions import StorageApiError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from local_stack.settings import REPOSITORY, Settings
from tests.stack.storage_kit import StorageServer, serve_storage


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def client(server: StorageServer) -> AsyncIterator[AsyncClient]:
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(auto_refresh_token=False, httpx_client=http)
        yield await acreate_client(server.address, server.secret, options)


async def test_python_stores_reads_and_replaces(client: AsyncClient) -> None:
    name = f"python-{uuid4().hex[:8]}"
    await client.storage.create_bucket(name, options={"public": True})
    files = client.storage.from_(name)
    stored = await files.upload("a/one.txt", b"one", {"content-type": "text/plain"})
    assert stored.full_path == f"{name}/a/one.txt"
    assert await files.download("a/one.txt") == b"one"
    await files.update("a/one.txt", b"two", {"metadata": {"by": "me"}, "cache-control": "60"})
    assert await files.download("a/one.txt") == b"two"
    info = await files.info("a/one.txt")
    assert (info["metadata"], info["cache_control"], info["size"]) == (
        {"by": "me"},
        "max-age=60",
        3,
    )
    with pytest.raises(StorageApiError, match="The resource already exists"):
        await files.upload("a/one.txt", b"three")
    await files.upload("a/one.txt", b"four", {"upsert": "true"})
    assert await files.download("a/one.txt") == b"four"


async def test_python_moves_copies_lists_and_removes(client: AsyncClient) -> None:
    name = f"python-{uuid4().hex[:8]}"
    await client.storage.create_bucket(name)
    files = client.storage.from_(name)
    await files.upload("a.txt", b"a", {"content-type": "text/plain", "metadata": {"x": 1}})
    await files.copy("a.txt", "folder/b.txt")
    await files.move("a.txt", "folder/c.txt")
    assert not await files.exists("a.txt")
    assert await files.download("folder/b.txt") == await files.download("folder/c.txt") == b"a"
    assert (await files.info("folder/b.txt"))["metadata"] == {"x": 1}
    assert [entry["name"] for entry in await files.list("folder")] == ["b.txt", "c.txt"]
    assert [(e["name"], e["id"]) for e in await files.list()] == [("folder", None)]
    page = await files.list_v2({"with_delimiter": True})
    assert [folder.name for folder in page.folders] == ["folder/"]
    removed = await files.remove(["folder/b.txt", "missing"])
    assert [row["name"] for row in removed] == ["folder/b.txt"]
    with pytest.raises(StorageApiError, match="not empty"):
        await client.storage.delete_bucket(name)
    await client.storage.empty_bucket(name)
    await client.storage.delete_bucket(name)
    with pytest.raises(StorageApiError, match="Bucket not found"):
        await client.storage.get_bucket(name)


async def test_python_shares_by_signed_urls(client: AsyncClient) -> None:
    name = f"python-{uuid4().hex[:8]}"
    await client.storage.create_bucket(name)
    files = client.storage.from_(name)
    grant = await files.create_signed_upload_url("in/x.txt")
    await files.upload_to_signed_url("in/x.txt", grant["token"], b"x")
    with pytest.raises(StorageApiError, match="already exists"):
        await files.upload_to_signed_url("in/x.txt", grant["token"], b"y")
    url = await files.create_signed_url("in/x.txt", 60, {"download": "näme.txt"})
    assert url["signedURL"]
    many = await files.create_signed_urls(["in/x.txt", "missing"], 60)
    assert many[0]["signedURL"]
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(url["signedURL"])
        assert answer.content == b"x"
        assert "filename*=UTF-8''n%C3%A4me.txt" in answer.headers["content-disposition"]
        assert (await anyone.get(many[0]["signedURL"])).content == b"x"
    assert many[1]["error"]


async def test_python_sees_changed_buckets(client: AsyncClient) -> None:
    name = f"python-{uuid4().hex[:8]}"
    await client.storage.create_bucket(name)
    changes = {"public": True, "file_size_limit": 3, "allowed_mime_types": ["text/*"]}
    await client.storage.update_bucket(name, changes)  # type: ignore[arg-type]  # a TypedDict
    bucket = await client.storage.get_bucket(name)
    assert (bucket.public, bucket.file_size_limit) == (True, 3)
    assert bucket.allowed_mime_types == ["text/*"]
    assert name in [bucket.id for bucket in await client.storage.list_buckets()]
    files = client.storage.from_(name)
    with pytest.raises(StorageApiError, match="exceeded the maximum"):
        await files.upload("a", b"four", {"content-type": "text/plain"})
    with pytest.raises(StorageApiError, match="mime type image/png is not supported"):
        await files.upload("a", b"png", {"content-type": "image/png"})
    await files.upload("a", b"abc", {"content-type": "text/plain;charset=UTF-8"})


_JAVASCRIPT = """
import { createClient } from '@supabase/supabase-js'
import assert from 'node:assert'
import { Readable } from 'node:stream'
import ws from 'ws'

const { url, key, bucket } = JSON.parse(process.argv[1])
const { storage } = createClient(url, key, { realtime: { transport: ws } })
const ok = ({ data, error }) => { assert.equal(error, null); return data }
ok(await storage.createBucket(bucket, { public: true, fileSizeLimit: '1mb' }))
const files = storage.from(bucket)
const blob = new Blob(['blob'], { type: 'text/plain' })
ok(await files.upload('blob.txt', blob, { metadata: { a: 1 } }))
const form = new FormData()
form.append('', new Blob(['form']), 'form.txt')
ok(await files.upload('form.txt', form, { cacheControl: '60' }))
assert.equal(ok(await files.info('form.txt')).cacheControl, 'max-age=60')
ok(await files.upload('dir/stream.txt', Readable.from(['str', 'eam']), { duplex: 'half' }))
assert.equal(await ok(await files.download('blob.txt')).text(), 'blob')
assert.equal(await ok(await files.download('dir/stream.txt')).text(), 'stream')
assert.deepEqual(ok(await files.info('blob.txt')).metadata, { a: 1 })
const twice = await files.upload('blob.txt', 'again')
assert.equal(twice.error.message, 'The resource already exists')
assert.equal(twice.error.statusCode, '409')
ok(await files.update('blob.txt', 'new'))
ok(await files.copy('blob.txt', 'dir/copy.txt'))
ok(await files.move('blob.txt', 'moved.txt'))
assert.equal((await files.exists('blob.txt')).data, false)
assert.equal(ok(await files.exists('moved.txt')), true)
assert.deepEqual(ok(await files.list()).map(({ name }) => name), ['dir', 'form.txt', 'moved.txt'])
let page = ok(await files.listV2({ limit: 3 })), keys = []
for (;; page = ok(await files.listV2({ limit: 3, cursor: page.nextCursor }))) {
  keys.push(...page.objects.map(({ name }) => name))
  if (!page.hasNext) break
}
assert.deepEqual(keys, ['dir/copy.txt', 'dir/stream.txt', 'form.txt', 'moved.txt'])
const { publicUrl } = files.getPublicUrl('moved.txt', { download: 'x.txt' }).data
const answer = await fetch(publicUrl)
assert.equal(await answer.text(), 'new')
assert.match(answer.headers.get('content-disposition'), /filename=x.txt/)
const { signedUrl } = ok(await files.createSignedUrl('moved.txt', 60))
assert.equal(await (await fetch(signedUrl)).text(), 'new')
const { token } = ok(await files.createSignedUploadUrl('up.txt', { upsert: true }))
ok(await files.uploadToSignedUrl('up.txt', token, new Blob(['signed'])))
assert.equal(ok(await files.remove(['up.txt', 'form.txt'])).length, 2)
ok(await storage.emptyBucket(bucket))
ok(await storage.deleteBucket(bucket))
"""


async def test_javascript_does_all_of_it(server: StorageServer) -> None:
    options = {"url": server.address, "key": server.secret, "bucket": f"js-{uuid4().hex[:8]}"}
    process = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "--eval", _JAVASCRIPT, json.dumps(options),
        cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()


def test_home_holds_nothing_that_a_user_named(server: StorageServer) -> None:
    names = [path.name for path in Path(server.settings.home).rglob("*.txt")]
    assert names == []
