"""Changes of the database reach those, and only those, who may see them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import psycopg
import pytest
import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.realtime_kit import (
    Message,
    Table,
    connect,
    plain_client,
    serve,
    token,
)
from tests.stack.standby import waiting_commit

ALICE, BOB = str(uuid.uuid4()), str(uuid.uuid4())


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


@pytest.fixture(scope="module")
def db(bare_settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(bare_settings) as connection:
        yield connection


@pytest.fixture
def notes(db: psycopg.Connection) -> Table:
    return Table.create(db, "id int primary key, user_id uuid, body text")


async def test_an_insert_arrives_in_supabases_shape(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        entry = notes.entry("INSERT", filter=f"user_id=eq.{ALICE}")
        config = {"postgres_changes": [entry]}
        reply = await client.join("room", config, token(bare_settings, ALICE))
        (echoed,) = reply["response"]["postgres_changes"]
        assert echoed.pop("id") > 0
        assert echoed == entry
        assert await client.until("system") == {
            "channel": "room",
            "extension": "postgres_changes",
            "message": "Subscribed to PostgreSQL",
            "status": "ok",
        }
        notes.run("insert into TABLE values (1, %s, 'Grüße')", ALICE)
        data = await client.change()
        assert data.pop("commit_timestamp").endswith("Z")
        assert data == {
            "schema": "public",
            "table": notes.name,
            "type": "INSERT",
            "columns": [
                {"name": "id", "type": "int4"},
                {"name": "user_id", "type": "uuid"},
                {"name": "body", "type": "text"},
            ],
            "record": {"id": 1, "user_id": ALICE, "body": "Grüße"},
            "errors": None,
        }


async def test_nobody_sees_anothers_rows_even_without_a_filter(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as alice, plain_client(url, bare_settings) as bob:
        await alice.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        await bob.listen("room", notes.entry(), access_token=token(bare_settings, BOB))
        notes.run(
            "insert into TABLE values (1, %s, 'a'), (2, %s, 'b'), (3, %s, 'a')",
            ALICE,
            BOB,
            ALICE,
        )
        assert (await bob.change())["record"]["id"] == 2
        assert (await alice.change())["record"]["id"] == 1
        assert (await alice.change())["record"]["id"] == 3
        notes.run("insert into TABLE values (4, %s, 'b')", BOB)
        assert (await bob.change())["record"]["id"] == 4


async def test_the_anonymous_see_nothing_that_no_policy_gives_them(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as anyone, plain_client(url, bare_settings) as bob:
        await anyone.listen("room", notes.entry())
        await bob.listen("room", notes.entry(), access_token=token(bare_settings, BOB))
        notes.run("insert into TABLE values (1, %s, 'b')", BOB)
        await bob.change()
        assert await anyone.is_silent()


async def test_updates_and_deletes_carry_the_old_key(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
        assert "old_record" not in await client.change()
        notes.run("update TABLE set body = 'b' where id = 1")
        update = await client.change()
        assert (update["record"]["body"], update["old_record"]) == ("b", {"id": 1})
        notes.run("update TABLE set id = 2 where id = 1")
        moved = await client.change()
        assert (moved["record"]["id"], moved["old_record"]) == (2, {"id": 1})
        notes.run("delete from TABLE where id = 2")
        delete = await client.change()
        assert (delete["type"], delete["old_record"]) == ("DELETE", {"id": 2})
        assert "record" not in delete


async def test_a_delete_tells_only_the_key_when_rows_are_secured(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    open_table = Table.create(db, "id int primary key, body text", rls=False)
    for table in (notes, open_table):
        table.run("alter table TABLE replica identity full")
    async with plain_client(url, bare_settings) as client:
        await client.listen("a", notes.entry("DELETE"), access_token=token(bare_settings, BOB))
        await client.listen("b", open_table.entry("DELETE"))
        notes.run("insert into TABLE values (1, %s, 'secret')", ALICE)
        notes.run("delete from TABLE")
        assert (await client.change())["old_record"] == {"id": 1}
        open_table.run("insert into TABLE values (1, 'open')")
        open_table.run("delete from TABLE")
        assert (await client.change())["old_record"] == {"id": 1, "body": "open"}


async def test_columns_without_the_right_to_read_are_cut(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, shown text, hidden text", rls=False)
    table.run("revoke select on TABLE from authenticated, anon")
    table.run("grant select (id, shown) on TABLE to authenticated")
    async with plain_client(url, bare_settings) as user, plain_client(url, bare_settings) as guest:
        await user.listen("room", table.entry(), access_token=token(bare_settings, ALICE))
        await guest.listen("room", table.entry())
        table.run("insert into TABLE values (1, 's', 'h')")
        data = await user.change()
        assert data["record"] == {"id": 1, "shown": "s"}
        assert [column["name"] for column in data["columns"]] == ["id", "shown"]
        refused = await guest.change()
        assert (refused["record"], refused["errors"]) == ({}, ["Error 401: Unauthorized"])
        table.run("grant select (hidden) on TABLE to authenticated")
        table.run("update TABLE set hidden = 'now'")
        assert (await user.change())["record"]["hidden"] == "now"


async def test_a_selection_of_columns_is_all_that_comes(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, a text, b text", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry(select=["id", "b"]), table.entry())
        table.run("insert into TABLE values (1, 'x', 'y')")
        records = [(await client.change())["record"] for _ in range(2)]
        assert {"id": 1, "b": "y"} in records
        assert {"id": 1, "a": "x", "b": "y"} in records


async def test_a_table_without_a_key_says_so(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry())
        table.run("insert into TABLE values (1)")
        assert (await client.change())["errors"] == ["Error 400: Bad Request, no primary key"]


async def test_a_change_that_is_too_large_keeps_its_small_values(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, body text", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry())
        table.run("insert into TABLE values (1, repeat('x', 1100000))")
        data = await client.change()
        assert (data["record"], data["errors"]) == ({"id": 1}, ["Error 413: Payload Too Large"])


async def test_a_large_value_that_did_not_change_is_left_out(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, n int, body text", rls=False)
    table.run("alter table TABLE alter body set storage external")
    table.run("insert into TABLE values (1, 1, repeat('x', 9000))")
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry())
        table.run("update TABLE set n = 2")
        assert (await client.change())["record"] == {"id": 1, "n": 2}
        table.run("alter table TABLE replica identity full")
        table.run("update TABLE set n = 3")
        assert (await client.change())["record"]["body"] == "x" * 9000


async def test_wildcards_and_tables_published_later(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    Table.create(db, "id int primary key", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("a", {"event": "*", "schema": "public"})
        await client.listen("b", {"event": "INSERT", "schema": "*", "table": "*"})
        later = Table.create(db, "id int primary key", rls=False)
        later.run("insert into TABLE values (1)")
        assert [(await client.change())["table"] for _ in range(2)] == [later.name] * 2
        later.run("delete from TABLE")
        assert (await client.change())["type"] == "DELETE"


_VALUES = [
    ("bool", "true", True),
    ("int8", "9007199254740993", 9007199254740993),
    ("numeric(10,2)", "12.50", 12.5),
    ("numeric", "NaN", "NaN"),
    ("float8", "1e300", 1e300),
    ("jsonb", '{"a": [1, null]}', {"a": [1, None]}),
    ("timestamptz", "2026-01-02 03:04:05.6+02", "2026-01-02T01:04:05.6+00:00"),
    ("timestamp", "2026-01-02 03:04:05", "2026-01-02T03:04:05"),
    ("date", "2026-01-02", "2026-01-02"),
    ("bytea", r"\xdeadbeef", r"\xdeadbeef"),
    ("text[]", r'{"a,b","c\"d",NULL}', ["a,b", 'c"d', None]),
    ("int[]", "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
    ("interval", "90 minutes", "01:30:00"),
    ("int4range", "[1,5)", "[1,5)"),
    ("information_schema.cardinal_number", "7", 7),
]


async def test_values_are_what_rest_would_give(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _) in enumerate(_VALUES))
    table = Table.create(db, f"id int primary key, {columns}", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry())
        holes = ", ".join(["%s"] * len(_VALUES))
        table.run(f"insert into TABLE values (1, {holes})", *(text for _, text, _ in _VALUES))
        record = (await client.change())["record"]
        got = {kind: record[f"c{number}"] for number, (kind, _, _) in enumerate(_VALUES)}
        assert got == {kind: value for kind, _, value in _VALUES}


@pytest.mark.parametrize(
    ("kind", "written", "matching", "missing"),
    [
        ("int", "10", "n=gt.9", "n=gt.10"),
        ("int", "10", "n=in.(1,10)", "n=in.(1,100)"),
        ("int", "10", "n=not.in.(1,2)", "n=not.eq.10"),
        ("int", "10", "n=gte.5,n=lt.11", "n=gte.5,n=lt.10"),
        ("numeric", "1.50", "n=eq.1.5", "n=neq.1.5"),
        ("text", "10", "n=lt.9", "n=gt.9"),
        ("text", "a,b", 'n=eq."a,b"', "n=eq.a"),
        ("text", "50% off", "n=like.50%", "n=like.off%"),
        ("text", "Blue", "n=imatch.^b.*e$", "n=match.^b"),
        ("text", None, "n=is.null", "n=neq.x"),
        ("text", "x", "n=isdistinct.y", "n=is.null"),
        ("bool", "true", "n=is.true", "n=eq.false"),
        ("bool", "true", "n=eq.t", "n=neq.true"),
        ("uuid", ALICE, f"n=eq.{ALICE.upper()}", f"n=eq.{BOB}"),
        ("timestamptz", "2026-01-01 00:00+00", "n=eq.2026-01-01T01:00:00+01:00",
         "n=lt.2026-01-01T00:00:00Z"),
    ],
)  # fmt: skip
async def test_filters_compare_as_postgres_does(
    url: str, bare_settings: Settings, db: psycopg.Connection,
    kind: str, written: str | None, matching: str, missing: str,
) -> None:  # fmt: skip
    table = Table.create(db, f"id int primary key, n {kind}", rls=False)
    async with plain_client(url, bare_settings) as client:
        told = await client.listen("no", table.entry(filter=missing))
        assert told["status"] == "ok"
        await client.listen("yes", table.entry(filter=matching))
        table.run("insert into TABLE values (1, %s)", written)
        message = await client.receive()
        assert (message["event"], message["topic"]) == ("postgres_changes", "realtime:yes")
        await client.send("realtime:no", "phx_leave")
        assert (await client.receive())["event"] == "phx_reply"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"table": "no_such_table"}, "Please check Realtime is enabled"),
        ({"filter": "colour=eq.red"}, "invalid column for filter colour"),
        ({"filter": "id=eq.red"}, 'invalid input syntax for type integer: "red"'),
        ({"filter": "id=near.5"}, "unknown filter operator 'near'"),
        ({"filter": "body=match.("}, "invalid regular expression"),
        ({"filter": "id"}, "expected column=operator.value"),
        ({"filter": "id=in.(1,2"}, "the list is not closed"),
        ({"filter": "body=eq.\ud800"}, "surrogates not allowed"),
        ({"filter": "id=eq.1", "table": "*"}, "need a schema and a table"),
        ({"select": ["colour"]}, "invalid column for filter colour"),
    ],
)
async def test_what_cannot_be_subscribed_to_is_said(
    url: str, bare_settings: Settings, notes: Table, entry: Message, reason: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        told = await client.listen("room", notes.entry() | entry)
        assert (told["status"], told["extension"]) == ("error", "postgres_changes")
        assert reason in told["message"]


async def test_only_roles_of_the_api_may_subscribe(
    url: str, bare_settings: Settings, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        for role in ("postgres", "no_such_role"):
            stranger = token(bare_settings, ALICE, role=role)
            told = await client.listen(role, notes.entry(), access_token=stranger)
            assert f'role "{role}" is not permitted' in told["message"]


async def test_a_subscription_that_a_new_token_may_not_have_ends(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, hidden int", rls=False)
    table.run("revoke select on TABLE from anon")
    table.run("grant select (id) on TABLE to anon")
    async with plain_client(url, bare_settings) as client:
        user = token(bare_settings, ALICE)
        await client.listen("room", table.entry(filter="hidden=eq.1"), access_token=user)
        guest = {"access_token": bare_settings.keys.anon_key}
        await client.send("realtime:room", "access_token", guest)
        assert "invalid column for filter hidden" in (await client.until("system"))["message"]
        await client.listen("other", table.entry())
        table.run("insert into TABLE values (1, 1)")
        assert (await client.receive())["topic"] == "realtime:other"
        assert await client.is_silent()


async def test_a_join_that_waits_is_answered_when_the_changes_flow(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        config: Message = {"postgres_changes_options": {"wait": True}}
        reply = await client.join(
            "bad", {**config, "postgres_changes": [{"table": "no_such_table"}]}
        )
        assert reply["status"] == "error"
        assert reply["response"]["reason"].startswith("RealtimeDisabledForConfiguration")
        user = token(bare_settings, ALICE)
        reply = await client.join("good", {**config, "postgres_changes": [notes.entry()]}, user)
        notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
        assert reply["status"] == "ok"
        assert (await client.change())["record"]["id"] == 1


async def test_a_new_token_changes_whose_rows_arrive(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        topic = "realtime:room"
        for ignored in (None, bare_settings.keys.secret_key):
            await client.send(topic, "access_token", {"access_token": ignored})
        await client.send(topic, "access_token", {"access_token": token(bare_settings, BOB)})
        assert (await client.until("system"))["status"] == "ok"
        notes.run("insert into TABLE values (1, %s, 'a'), (2, %s, 'b')", ALICE, BOB)
        assert (await client.change())["record"]["id"] == 2


async def test_a_policy_that_fails_hides_rows_from_its_subscriber_alone(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as odd, plain_client(url, bare_settings) as alice:
        await odd.listen("room", notes.entry(), access_token=token(bare_settings, "not-a-uuid"))
        await alice.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
        assert (await alice.change())["record"]["id"] == 1
        assert await odd.is_silent()


async def test_of_300_subscribers_one_matches(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    users = [str(uuid.uuid4()) for _ in range(300)]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(plain_client(url, bare_settings)) for _ in range(4)
        ]
        for number, user in enumerate(users):
            entry = notes.entry(filter=f"user_id=eq.{user}")
            access_token = token(bare_settings, user)
            await clients[number % 4].listen(user, entry, access_token=access_token)
        notes.run("insert into TABLE values (1, %s, 'mine')", users[-1])
        message = await clients[3].receive()
        assert message["topic"] == f"realtime:{users[-1]}"
        for client in clients:
            assert await client.is_silent()


async def test_a_lost_change_stream_is_told_and_made_anew(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        db.execute("select pg_terminate_backend(active_pid) from pg_replication_slots")
        told = await client.until("system")
        assert told["status"] == "error"
        assert "changes may have been missed" in told["message"]
        assert (await client.until("system"))["message"] == "Subscribed to PostgreSQL"
        notes.run("insert into TABLE values (1, %s, 'after')", ALICE)
        assert (await client.change())["record"]["body"] == "after"


async def test_a_dead_pooled_connection_loses_nothing(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'"
        )
        notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
        assert (await client.change())["record"]["id"] == 1


async def test_changes_keep_the_order_of_commits(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        rows = "insert into TABLE select n, %s, 'x' from generate_series(1, 500) n"
        await asyncio.to_thread(notes.run, rows, ALICE)
        assert [(await client.change())["record"]["id"] for _ in range(500)] == [*range(1, 501)]


async def test_a_change_is_told_when_it_is_visible_and_not_before(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id serial primary key", rls=False)
    with connect(bare_settings) as writer:
        rows = Table(writer, table.name)
        async with plain_client(url, bare_settings) as client:
            await client.listen("room", table.entry())
            async with waiting_commit(
                bare_settings, lambda: rows.run("insert into TABLE default values")
            ):
                visible = table.count()
                for id_ in range(1, visible + 1):
                    assert (await client.change())["record"] == {"id": id_}
                assert await client.is_silent()
            assert (await client.change())["record"] == {"id": visible + 1}
