"""Broadcasts from the database and by HTTP, replay, and the table they go through."""

import asyncio
import io
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from itertools import count

import aiohttp
import psycopg
import pytest
import pytest_asyncio
from yarl import URL

from local_stack.postgres.cluster import SUPERUSER
from local_stack.realtime.limits import Limits
from local_stack.realtime.messages import MAX_PAYLOAD
from local_stack.settings import Settings
from tests.stack.realtime_kit import (
    Message,
    PlainClient,
    Table,
    connect,
    eventually,
    plain_client,
    serve,
    token,
)
from tests.stack.standby import holds, waiting_commit

ALICE = str(uuid.uuid4())
PRIVATE = {"private": True}
REPLAY = {"since": 0, "limit": 25}


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


@pytest.fixture(scope="module")
def db(bare_settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(bare_settings) as connection:
        yield connection


@pytest.fixture
def topic() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def member(
    url: str, bare_settings: Settings, db: psycopg.Connection, topic: str
) -> AsyncIterator[PlainClient]:
    """On the private topic, where the service role may do everything."""
    async with plain_client(url, bare_settings) as client:
        config = {**PRIVATE, "broadcast": {"replication_ready": True}}
        await client.join(topic, config, bare_settings.keys.service_role_key)
        told = await client.until("system")
        assert told["message"] == "Replication connection established"
        yield client


async def test_send_reaches_the_private_topic(
    member: PlainClient, db: psycopg.Connection, topic: str
) -> None:
    db.execute("select realtime.send('{\"text\": \"Grüße\"}', 'said', %s)", (topic,))
    message = await member.until("broadcast")
    id_ = message["meta"]["id"]
    assert message == {
        "type": "broadcast",
        "event": "said",
        "payload": {"text": "Grüße", "id": id_},
        "meta": {"id": id_},
    }
    db.execute("select realtime.send('{\"id\": 7}', 'said', %s)", (topic,))
    assert (await member.until("broadcast"))["payload"] == {"id": 7}


async def test_send_to_a_public_topic_stays_there(
    url: str, bare_settings: Settings, member: PlainClient, db: psycopg.Connection, topic: str
) -> None:
    async with plain_client(url, bare_settings) as anyone:
        await anyone.join(topic, {})
        db.execute("select realtime.send('{\"n\": 1}', 'said', %s, false)", (topic,))
        assert (await anyone.until("broadcast"))["payload"]["n"] == 1
        db.execute("select realtime.send('{\"n\": 2}', 'said', %s)", (topic,))
        assert (await member.until("broadcast"))["payload"]["n"] == 2
        assert await anyone.is_silent()


async def test_bytes_are_sent_as_a_binary_frame(
    member: PlainClient, db: psycopg.Connection, topic: str
) -> None:
    db.execute(r"select realtime.send_binary('\x00ff', 'said', %s)", (topic,))
    frame = await member.socket.receive_bytes()
    name = f"realtime:{topic}".encode()
    kind, *lengths, encoding = frame[:5]
    assert (kind, lengths[0], lengths[1], encoding) == (4, len(name), 4, 0)
    texts, payload = frame[5 : 5 + sum(lengths)], frame[5 + sum(lengths) :]
    assert (texts[: len(name) + 4], payload) == (name + b"said", b"\x00\xff")
    assert uuid.UUID(json.loads(texts[len(name) + 4 :])["id"]).version == 4


async def test_a_trigger_tells_what_happened_to_its_rows(
    member: PlainClient, db: psycopg.Connection, topic: str
) -> None:
    table = Table.create(db, "id int primary key, body text", rls=False)
    table.run(
        f"""
        create function {table.name}_tell() returns trigger language plpgsql security definer as $$
        begin
          perform realtime.broadcast_changes('{topic}', tg_op, tg_op, tg_table_name,
            tg_table_schema, new, old);
          return null;
        end $$;
        create trigger tell after insert or update or delete on TABLE
        for each row execute function {table.name}_tell()
        """
    )
    for change in (
        "insert into TABLE values (1, 'a')",
        "update TABLE set body = 'b'",
        "delete from TABLE",
    ):
        table.run(change)
    old, new = {"id": 1, "body": "a"}, {"id": 1, "body": "b"}
    for operation, record, old_record in (
        ("INSERT", old, None),
        ("UPDATE", new, old),
        ("DELETE", None, new),
    ):
        payload = (await member.until("broadcast"))["payload"]
        assert payload.pop("id")
        assert payload == {
            "operation": operation,
            "record": record,
            "old_record": old_record,
            "schema": "public",
            "table": table.name,
        }


def test_a_broadcast_that_fails_does_not_fail_its_transaction(
    bare_settings: Settings, db: psycopg.Connection, topic: str
) -> None:
    warnings: list[str | None] = []
    db.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    db.execute("select realtime.send('[]', 'said', %s)", (topic,))
    assert warnings == [
        'WarnSendingBroadcastMessage: path element at position 1 is not an integer: "id"'
    ]
    with pytest.raises(psycopg.errors.RaiseException, match="Unexpected operation type"):
        db.execute(
            "select realtime.broadcast_changes(%s, 'e', 'TRUNCATE', 't', 's', null, null)", (topic,)
        )


def test_postgres_may_manage_policies_and_nothing_else(db: psycopg.Connection) -> None:
    db.execute("create policy mine on realtime.messages for select to authenticated using (true)")
    db.execute("alter policy mine on realtime.messages using (false)")
    db.execute("drop policy mine on realtime.messages")
    for forbidden in (
        b"drop table realtime.messages",
        b"alter table realtime.messages disable row level security",
        b"create table realtime.mine (id int)",
        b"drop function realtime.topic()",
        b"create or replace function realtime.topic() returns text language sql as 'select null'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(forbidden)


@pytest.mark.parametrize(
    "call", ["readable('a', 'b', 'c')", "keep_partitions()", "recent('a', now()::timestamp, 1)"]
)
def test_users_cannot_call_what_is_the_servers(db: psycopg.Connection, call: str) -> None:
    with db.transaction(force_rollback=True):
        db.execute("set local role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(f"select realtime.{call}".encode())


def test_partitions_are_made_and_dropped(bare_settings: Settings) -> None:
    with psycopg.connect(bare_settings.database_url(SUPERUSER)) as admin:
        admin.execute(
            "create table realtime.messages_2020_01_01 partition of realtime.messages "
            "for values from ('2020-01-01') to ('2020-01-02')"
        )
        admin.execute("select realtime.keep_partitions()")
        days = admin.execute(
            "select right(inhrelid::regclass::text, 10) = any (array("
            "  select to_char(now() at time zone 'utc' + n * interval '1 day', 'YYYY_MM_DD')"
            "  from generate_series(-1, 3) as n))"
            " from pg_inherits where inhparent = 'realtime.messages'::regclass"
        ).fetchall()
        assert days == [(True,)] * 5
        admin.rollback()


async def test_a_missing_partition_is_made_when_it_is_needed(
    url: str, bare_settings: Settings, topic: str
) -> None:
    with psycopg.connect(bare_settings.database_url(SUPERUSER), autocommit=True) as admin:
        today = "select format('drop table realtime.messages_%s', to_char(now(), 'YYYY_MM_DD'))"
        row = admin.execute(today).fetchone()
        assert row
        admin.execute(row[0].encode())
    async with plain_client(url, bare_settings) as client:
        reply = await client.join(topic, PRIVATE, bare_settings.keys.service_role_key)
        assert reply["status"] == "ok"


async def test_a_replay_comes_first_and_nothing_comes_twice(
    url: str, bare_settings: Settings, db: psycopg.Connection, topic: str
) -> None:
    for number in range(30):
        send(db, topic, number)
    service = bare_settings.keys.service_role_key
    async with plain_client(url, bare_settings) as client:
        replay = {"since": int((time.time() - 60) * 1000), "limit": 3}
        reply = await client.join(topic, {**PRIVATE, "broadcast": {"replay": replay}}, service)
        assert reply["status"] == "ok"
        messages = [await client.until("broadcast") for _ in range(3)]
        assert [message["payload"]["n"] for message in messages] == [27, 28, 29]
        assert all(message["meta"]["replayed"] for message in messages)
        assert await client.is_silent()
        replay = {"since": 0}
        await client.join(topic, {**PRIVATE, "broadcast": {"replay": replay}}, service)
        messages = [await client.until("broadcast") for _ in range(25)]
        assert messages[0]["payload"]["n"] == 5
        assert await client.is_silent()


async def test_a_replay_leaves_no_gap_to_what_is_sent_meanwhile(
    url: str, bare_settings: Settings, db: psycopg.Connection, topic: str
) -> None:
    service = bare_settings.keys.service_role_key
    stop = asyncio.Event()

    async def sending() -> int:
        number = 0
        while not stop.is_set():
            await asyncio.to_thread(send, db, topic, number)
            number += 1
        return number

    async with plain_client(url, bare_settings) as client:
        sender = asyncio.create_task(sending())
        try:
            for _ in range(10):
                await client.join(topic, {**PRIVATE, "broadcast": {"replay": REPLAY}}, service)
                heard = [(await client.until("broadcast"))["payload"]["n"] for _ in range(30)]
                assert heard == [*range(heard[0], heard[0] + 30)]
        finally:
            stop.set()
            await sender


async def test_a_replay_has_what_was_told_to_nobody_before_it_could_be_read(
    url: str, bare_settings: Settings, topic: str
) -> None:
    service, numbers = bare_settings.keys.service_role_key, count()
    with connect(bare_settings) as sender:
        async with plain_client(url, bare_settings) as client:
            async with waiting_commit(
                bare_settings, lambda: send(sender, topic, next(numbers))
            ) as admin:
                admin.execute("select set_config('test.begun', clock_timestamp()::text, false)")
                config = {**PRIVATE, "broadcast": {"replay": REPLAY}}
                payload = {"config": config, "access_token": service}
                await client.send(f"realtime:{topic}", "phx_join", payload)
                await eventually(lambda: holds(admin, _ASKED))
            last = next(numbers) - 1
            heard = [(await client.until("broadcast"))["payload"]["n"] for _ in range(last + 1)]
            assert heard == [*range(last + 1)]
            assert await client.is_silent()


_ASKED = """
select exists (
  select from pg_stat_activity
  where query_start > current_setting('test.begun')::timestamptz and pid <> pg_backend_pid()
    and (query like '%realtime.recent(%' or query like '%pg_visible_in_snapshot%')
)
"""


def send(db: psycopg.Connection, topic: str, number: int) -> None:
    """A message of the database to a private topic."""
    db.execute(
        "select realtime.send(jsonb_build_object('n', %s::int), 'said', %s)", (number, topic)
    )


async def _post(
    url: str,
    path: str,
    body: object,
    key: str = "",
    **headers: str,
) -> tuple[int, str]:
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    headers = {"Content-Type": "application/json", "apikey": key, **headers}
    address = URL(f"{url}/realtime/v1/api/broadcast{path}", encoded=True)
    async with aiohttp.request("POST", address, data=data, headers=headers) as response:
        return response.status, await response.text()


async def test_a_batch_by_http_reaches_its_topics(
    url: str, bare_settings: Settings, member: PlainClient, topic: str
) -> None:
    async with plain_client(url, bare_settings) as anyone:
        await anyone.join(topic, {})
        messages = [
            {"topic": topic, "event": "said", "payload": {"n": 1}},
            {"topic": topic, "event": "said", "payload": {"n": 2}, "private": True},
            {"topic": "nobody-there", "event": "said", "payload": {}},
        ]
        body = {"messages": messages}
        assert await _post(url, "", body, bare_settings.keys.publishable_key) == (202, "")
        said = {"type": "broadcast", "event": "said", "payload": {"n": 1}}
        assert await anyone.until("broadcast") == said
        assert await member.is_silent()
        assert (await _post(url, "", body, bare_settings.keys.secret_key))[0] == 202
        assert (await member.until("broadcast"))["payload"] == {"n": 2}


async def test_one_by_http_has_its_topic_and_event_in_the_address(
    url: str, bare_settings: Settings
) -> None:
    key = bare_settings.keys.secret_key
    async with plain_client(url, bare_settings) as client:
        await client.join("a/b c", {})
        path = "/a%2Fb%20c/events/said%2F"
        assert await _post(url, path, {"n": 1}, key) == (202, "")
        message = await client.until("broadcast")
        assert (message["event"], message["payload"]) == ("said/", {"n": 1})
        octets = {"Content-Type": "application/octet-stream"}
        assert (await _post(url, path, b"\x00\xff", key, **octets))[0] == 202
        assert (await client.socket.receive_bytes()).endswith(b"said/\x00\xff")


async def test_a_private_one_needs_the_right(
    url: str, bare_settings: Settings, member: PlainClient, topic: str
) -> None:
    path = f"/{topic}/events/said?private=true"
    user = token(bare_settings, ALICE)
    assert (await _post(url, path, {}, Authorization=f"Bearer {user}"))[0] == 403
    assert await member.is_silent()
    assert (await _post(url, path, {}, bare_settings.keys.secret_key))[0] == 202
    assert (await member.until("broadcast"))["payload"] == {}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", b"nonsense", 400),
        ("", b"[" * 100_000, 400),
        ("", [], 422),
        ("", {}, 422),
        ("", {"messages": [{"topic": "a", "event": "b"}]}, 422),
        ("", {"messages": [{"topic": "a", "event": "b", "payload": 1}]}, 422),
        ("", b" " * (MAX_PAYLOAD + 1), 413),
        ("/a/events/b", b"nonsense", 400),
        ("/a/events/b", b"[" * 100_000, 400),
        ("/a/events/b", b"NaN", 400),
        ("/a/events/b", b"\xff", 400),
        ("/a/events/b", b" " * (MAX_PAYLOAD + 1), 413),
        ("/a%00/events/b?private=true", b"{}", 403),
    ],
)
async def test_bad_requests_get_the_right_status(
    url: str, bare_settings: Settings, path: str, body: object, status: int
) -> None:
    key = bare_settings.keys.publishable_key
    assert (await _post(url, path, body, key))[0] == status


async def test_a_broadcast_by_http_needs_a_key_and_a_known_type(
    url: str, bare_settings: Settings
) -> None:
    assert (await _post(url, "", {"messages": []}, "nonsense"))[0] == 401
    assert (await _post(url, "/a/events/b", {}))[0] == 401
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    key = bare_settings.keys.publishable_key
    assert (await _post(url, "/a/events/b", b"a=1", key, **form))[0] == 415


async def test_who_sends_too_much_is_stopped(bare_settings: Settings) -> None:
    limits = Limits(events_per_second=0.3, joins_per_second=0.3)
    key = bare_settings.keys.publishable_key
    said: Message = {"event": "said", "payload": {}}
    async with serve(bare_settings, limits) as url, plain_client(url, bare_settings) as client:
        for name in "abc":
            assert (await client.join(name, {"broadcast": {"ack": True}}))["status"] == "ok"
        refused = (await client.join("d", {}))["response"]["reason"]
        assert refused == "ClientJoinRateLimitReached: Too many joins per second"
        for _ in range(4):
            await client.send("realtime:a", "broadcast", said)
        assert (await client.until("system"))["message"] == "Too many messages per second"
        assert (await client.receive())["event"] == "phx_close"
        assert (await _post(url, "/a/events/b", {}, key))[0] == 202
        many = {"messages": [{"topic": "a", "event": "b", "payload": {}}] * 3}
        assert (await _post(url, "", many, key))[0] == 429


async def test_who_tracks_too_often_is_stopped(bare_settings: Settings) -> None:
    async with serve(bare_settings) as url, plain_client(url, bare_settings) as client:
        await client.join("room", {})
        for number in range(6):
            track = {"event": "track", "payload": {"n": number}}
            await client.send("realtime:room", "presence", track)
        assert (await client.until("system"))["message"] == "Client presence rate limit exceeded"
        assert (await client.receive())["event"] == "phx_close"
