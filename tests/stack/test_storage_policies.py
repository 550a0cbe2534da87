"""Row-level security on storage.objects: who may do what, and what migrations may change."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.storage_kit import Reply, StorageServer, serve_storage

ALICE, BOB = str(uuid4()), str(uuid4())
CALLERS = ("nobody", "anon", "alice", "bob", "service")


@pytest_asyncio.fixture(scope="module")
async def server(
    bare_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StorageServer]:
    async with serve_storage(bare_settings, tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest.fixture(scope="module")
def tokens(server: StorageServer) -> dict[str, str | None]:
    users = {"alice": server.token(ALICE), "bob": server.token(BOB)}
    return {"nobody": None, "anon": server.anon, "service": server.secret, **users}


@pytest_asyncio.fixture(scope="module")
async def bucket(server: StorageServer) -> str:
    return await server.bucket()


@pytest.fixture(scope="module")
def _own_folders(server: StorageServer, bucket: str) -> Iterator[None]:
    """Users do as they like in the folder that has their id."""
    own = f"bucket_id = '{bucket}' and (storage.foldername(name))[1] = (select auth.uid())::text"
    with ExitStack() as policies:
        for verb in ("select", "insert", "update", "delete"):
            clause = "with check" if verb == "insert" else "using"
            rest = f"for {verb} to authenticated {clause} ({own})"
            policies.enter_context(server.policy(f"own {verb} {bucket}", rest))
        yield


def ok(reply: Reply) -> bool:
    """Whether it was done; a refusal must be one, not a failure."""
    assert reply.status < 500, reply
    return reply.status < 300


async def allowed(
    server: StorageServer, tokens: dict[str, str | None], method: str, path: str, **options: object
) -> set[str]:
    """Which callers may do this, one after the other."""
    done = set()
    for name in CALLERS:
        if ok(await server.call(method, path, tokens[name], **options)):
            done.add(name)
    return done


@pytest.mark.usefixtures("_own_folders")
async def test_each_verb_is_for_the_owner_and_the_service(
    server: StorageServer, tokens: dict[str, str | None], bucket: str
) -> None:
    may = {"alice", "service"}
    path = f"{bucket}/{ALICE}/note"
    headers = {"x-upsert": "true", "Content-Type": "text/plain"}
    upload = {"data": b"x", "headers": headers}
    assert await allowed(server, tokens, "POST", f"/object/{path}", **upload) == may
    assert await allowed(server, tokens, "PUT", f"/object/{path}", **upload) == may
    assert await allowed(server, tokens, "GET", f"/object/{path}") == may
    assert await allowed(server, tokens, "HEAD", f"/object/{path}") == may
    assert await allowed(server, tokens, "GET", f"/object/authenticated/{path}") == may
    assert await allowed(server, tokens, "GET", f"/object/info/{path}") == may
    assert await allowed(server, tokens, "GET", f"/object/public/{path}") == set()
    expiry = {"json": {"expiresIn": 60}}
    assert await allowed(server, tokens, "POST", f"/object/sign/{path}", **expiry) == may
    assert await allowed(server, tokens, "POST", f"/object/upload/sign/{path}2") == may
    copy = {"bucketId": bucket, "sourceKey": f"{ALICE}/note", "destinationKey": f"{ALICE}/copy"}
    options = {"json": copy, "headers": {"x-upsert": "true"}}
    assert await allowed(server, tokens, "POST", "/object/copy", **options) == may
    assert await allowed(server, tokens, "DELETE", f"/object/{path}") == {"alice"}


@pytest.mark.usefixtures("_own_folders")
async def test_lists_show_only_what_may_be_seen(
    server: StorageServer, tokens: dict[str, str | None], bucket: str
) -> None:
    for user in (ALICE, BOB):
        await server.upload(f"{bucket}/{user}/seen", x_upsert="true")
    folders = {ALICE, BOB}
    expected = {"anon": set(), "alice": {ALICE}, "bob": {BOB}, "service": folders}
    for name, seen in expected.items():
        token = tokens[name]
        listed = await server.call("POST", f"/object/list/{bucket}", token, json={"prefix": ""})
        assert {row["name"] for row in listed.body} == seen
        page = await server.call("POST", f"/object/list-v2/{bucket}", token, json={})
        keys = {row["name"].partition("/")[0] for row in page.body["objects"]}
        assert keys == seen
    paths = [f"{ALICE}/seen", f"{BOB}/seen"]
    body = {"expiresIn": 9, "paths": paths}
    signed = await server.call("POST", f"/object/sign/{bucket}", tokens["bob"], json=body)
    assert [bool(row["signedURL"]) for row in signed.body] == [False, True]
    removed = await server.call(
        "DELETE", f"/object/{bucket}", tokens["bob"], json={"prefixes": paths}
    )
    assert [row["name"] for row in removed.body] == [f"{BOB}/seen"]


@pytest.mark.usefixtures("_own_folders")
async def test_an_object_cannot_be_carried_into_a_strangers_folder(
    server: StorageServer, tokens: dict[str, str | None], bucket: str
) -> None:
    for user, content in ((ALICE, b"alice"), (BOB, b"bob")):
        await server.upload(f"{bucket}/{user}/kept", content, x_upsert="true")
    for verb in ("move", "copy"):
        for source, target in (
            (f"{BOB}/kept", f"{ALICE}/kept"),
            (f"{BOB}/kept", f"{ALICE}/new"),
            (f"{ALICE}/kept", f"{BOB}/stolen"),
        ):
            body = {"bucketId": bucket, "sourceKey": source, "destinationKey": target}
            reply = await server.call(
                "POST", f"/object/{verb}", tokens["bob"], json=body, headers={"x-upsert": "true"}
            )
            assert reply.body["statusCode"] in {"403", "404"}, (verb, source, target)
    kept = await server.call("GET", f"/object/{bucket}/{ALICE}/kept", tokens["alice"])
    assert kept.body == b"alice"


@pytest.mark.usefixtures("_own_folders")
async def test_the_uploader_becomes_the_owner(
    server: StorageServer, tokens: dict[str, str | None], bucket: str
) -> None:
    owner = "select owner::text, owner_id from storage.objects where bucket_id = %s and name = %s"
    key = f"{ALICE}/mine"
    await server.upload(f"{bucket}/{key}", token=tokens["alice"])
    assert server.sql(owner, bucket, key) == [{"owner": ALICE, "owner_id": ALICE}]
    await server.upload(f"{bucket}/{key}", x_upsert="true")
    assert server.sql(owner, bucket, key) == [{"owner": ALICE, "owner_id": ALICE}]


async def test_buckets_are_closed_without_a_policy(
    server: StorageServer, tokens: dict[str, str | None], bucket: str
) -> None:
    service = {"service"}
    private = {"json": {"public": False}}
    assert await allowed(server, tokens, "GET", f"/bucket/{bucket}") == service
    assert await allowed(server, tokens, "PUT", f"/bucket/{bucket}", **private) == service
    assert await allowed(server, tokens, "POST", f"/bucket/{bucket}x/empty") == set()
    created = {"json": {"name": f"{bucket}-new"}}
    assert await allowed(server, tokens, "POST", "/bucket", **created) == service
    assert await allowed(server, tokens, "DELETE", f"/bucket/{bucket}-new") == service
    listed = await server.call("GET", "/bucket", tokens["alice"])
    assert listed.body == []
    assert (await server.call("GET", "/bucket")).body["message"] == "Invalid Compact JWS"
    refused = await server.call("PUT", f"/bucket/{bucket}", tokens["bob"], **private)
    assert refused.refusal == ("404", "NoSuchBucket")


async def test_a_policy_may_ask_for_the_operation_and_the_request(server: StorageServer) -> None:
    bucket = await server.bucket()
    asked = (
        f"bucket_id = '{bucket}' and storage.allow_only_operation('object.upload')"
        " and metadata ->> 'mimetype' = 'text/plain'"
        " and current_setting('request.method') = 'POST'"
        " and current_setting('request.headers')::json ->> 'x-shop' = 'yes'"
        " and current_setting('request.headers')::json ->> 'authorization' is null"
        " and (auth.jwt() ->> 'shop')::boolean"
    )
    token = server.token(ALICE, shop=True)
    with server.policy(f"asked {bucket}", f"for insert to authenticated with check ({asked})"):
        stored = await server.upload(f"{bucket}/a", token=token, x_shop="yes")
        assert stored.status == 200  # without the right to read, let alone to replace
        for refused in (
            await server.upload(f"{bucket}/b", token=token),
            await server.upload(f"{bucket}/b", token=token, kind="image/png", x_shop="yes"),
            await server.upload(f"{bucket}/b", token=server.token(BOB), x_shop="yes"),
        ):
            assert refused.refusal == ("403", "AccessDenied")
            assert refused.body["message"] == "new row violates row-level security policy"
            assert refused.body["error"] == "Unauthorized"


async def test_tokens_that_name_no_usable_role_are_refused(server: StorageServer) -> None:
    bucket = await server.bucket()
    for role in ("postgres", "supabase_admin", "no such role", "authenticator", 7, ["anon"]):
        for method, path in (("GET", "/bucket"), ("POST", f"/object/list/{bucket}")):
            token = server.token(ALICE, role=role)
            reply = await server.call(method, path, token, json={"prefix": ""})
            assert reply.status == 400, role
    expired = server.token(ALICE, exp=1)
    reply = await server.call("GET", "/bucket", expired)
    assert reply.refusal == ("403", "AccessDenied")


async def test_triggers_see_objects_come_and_go_once(server: StorageServer) -> None:
    bucket = await server.bucket()
    server.sql("create table public.seen (what text, name text, size bigint)")
    server.sql("grant all on public.seen to service_role, authenticated")
    server.sql(
        """
        create function public.note_object() returns trigger language plpgsql as $$
        begin
          if new.name = 'bad' then
            raise exception 'we do not take this';
          end if;
          insert into public.seen values (
            tg_op, coalesce(new.name, old.name),
            (coalesce(new.metadata, old.metadata) ->> 'size')::bigint
          );
          return coalesce(new, old);
        end
        $$
        """
    )
    server.sql(
        "create trigger note_object after insert or update or delete on storage.objects"
        " for each row execute function public.note_object()"
    )
    try:
        await server.upload(f"{bucket}/a", b"123")
        await server.upload(f"{bucket}/a", b"12345", x_upsert="true")
        refused = await server.upload(f"{bucket}/bad")
        assert refused.refusal == ("400", "DatabaseError")
        assert refused.body["message"] == "we do not take this"
        await server.call("DELETE", f"/object/{bucket}/a", server.secret)
        seen = server.sql("select what, name, size from public.seen")
    finally:
        server.sql("drop trigger note_object on storage.objects")
        server.sql("drop function public.note_object(); drop table public.seen")
    assert [tuple(row.values()) for row in seen] == [
        ("INSERT", "a", 3),
        ("UPDATE", "a", 5),
        ("DELETE", "a", 5),
    ]
    assert not server.sql("select from storage.objects where name = 'bad'")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("delete from storage.objects", "Direct deletion"),
        ("delete from storage.buckets", "Direct deletion"),
        ("alter table storage.objects add column more text", "must be owner"),
        ("alter table storage.objects disable row level security", "must be owner"),
        ("drop table storage.objects", "must be owner"),
        ("drop function storage.foldername(text) cascade", "must be owner"),
        ("create table storage.more (id int)", "must be owner"),
        ("set role supabase_storage_admin", "permission denied"),
    ],
)
def test_migrations_cannot_do_more_than_on_supabase(
    server: StorageServer, statement: str, message: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=message):
        server.sql(statement)


async def test_a_bucket_with_objects_is_not_deleted_even_if_they_are_hidden(
    server: StorageServer,
) -> None:
    bucket = await server.bucket()
    await server.upload(f"{bucket}/hidden")
    rest = f"for all to authenticated using (id = '{bucket}')"
    server.sql(f'create policy "{bucket}" on storage.buckets {rest}')
    token = server.token(ALICE)
    try:
        refused = await server.call("DELETE", f"/bucket/{bucket}", token)
        emptied = await server.call("POST", f"/bucket/{bucket}/empty", token)
        again = await server.call("DELETE", f"/bucket/{bucket}", token)
    finally:
        server.sql(f'drop policy "{bucket}" on storage.buckets')
    assert refused.refusal == again.refusal == ("409", "ResourceNotEmpty")
    assert emptied.status == 200
    assert (await server.call("GET", f"/object/{bucket}/hidden", server.secret)).status == 200
