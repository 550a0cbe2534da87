"""The official clients, unmodified, against Realtime."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from local_stack.settings import REPOSITORY, Settings
from tests.stack.realtime_kit import PATIENCE, Table, connect, eventually, serve, token

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


class Listener:
    """The official Python client with one channel, keeping what it hears."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.client = AsyncRealtimeClient(f"{url}/realtime/v1", settings.keys.publishable_key)
        self.channel = self.client.channel("room")
        self.changes: list[dict[str, Any]] = []
        self.system: list[str] = []
        self.states: list[RealtimeSubscribeStates] = []
        self.told: list[str] = []
        """System messages and states, in their order."""

    def on(self, event: str, table: str, filter_: str | None = None) -> None:
        self.channel.on_postgres_changes(
            event,  # type: ignore[arg-type]  # a str enum
            lambda payload: self.changes.append(dict(payload["data"])),
            table=table,
            schema="public",
            filter=filter_,
        )

    async def subscribe(self) -> None:
        """Returns when changes flow, or when the subscription has failed."""
        self.channel.on_system(lambda payload: self._hear(payload.message))
        await self.channel.subscribe(lambda state, _: self._enter(state))
        await eventually(lambda: self.system or len(self.states) > 1)

    def _hear(self, message: str) -> None:
        self.system.append(message)
        self.told.append(message)

    def _enter(self, state: RealtimeSubscribeStates) -> None:
        self.states.append(state)
        self.told.append(state.value)


@pytest_asyncio.fixture
async def listeners(url: str, bare_settings: Settings) -> AsyncIterator[tuple[Listener, Listener]]:
    """Two connections of the official Python client."""
    pair = Listener(url, bare_settings), Listener(url, bare_settings)
    yield pair
    for listener in pair:
        await listener.client.close()


async def test_python_hears_its_own_rows_only(
    bare_settings: Settings, notes: Table, listeners: tuple[Listener, Listener]
) -> None:
    alice, bob = listeners
    alice.on("INSERT", notes.name, f"user_id=eq.{ALICE}")
    bob.on("*", notes.name)
    for listener, user in ((alice, ALICE), (bob, BOB)):
        await listener.client.set_auth(token(bare_settings, user))
        await listener.subscribe()
        assert listener.system == ["Subscribed to PostgreSQL"]
    notes.run(
        "insert into TABLE values (1, %s, 'a'), (2, %s, 'b'), (3, %s, 'a')", ALICE, BOB, ALICE
    )
    await eventually(lambda: len(alice.changes) == 2 and bob.changes)
    assert [change["record"]["id"] for change in alice.changes] == [1, 3]
    notes.run("update TABLE set body = 'c'")
    await eventually(lambda: len(bob.changes) == 2)
    notes.run("delete from TABLE where id = 2")
    await eventually(lambda: len(bob.changes) == 3)
    assert [change["type"] for change in bob.changes] == ["INSERT", "UPDATE", "DELETE"]
    assert bob.changes[2]["old_record"] == {"id": 2}
    assert len(alice.changes) == 2


async def test_python_changes_its_token(
    bare_settings: Settings, notes: Table, listeners: tuple[Listener, Listener]
) -> None:
    listener, _ = listeners
    listener.on("INSERT", notes.name)
    await listener.client.set_auth(token(bare_settings, ALICE))
    await listener.subscribe()
    await listener.client.set_auth(token(bare_settings, BOB))
    await eventually(lambda: len(listener.system) == 2)
    notes.run("insert into TABLE values (1, %s, 'a'), (2, %s, 'b')", ALICE, BOB)
    await eventually(lambda: listener.changes)
    assert [change["record"]["id"] for change in listener.changes] == [2]


async def test_python_learns_of_an_unknown_table(
    listeners: tuple[Listener, Listener],
) -> None:
    listener, _ = listeners
    listener.on("*", "no_such_table")
    await listener.subscribe()
    assert listener.states == ["SUBSCRIBED", "CHANNEL_ERROR"]


async def test_python_subscribes_again_after_the_change_stream_was_lost(
    bare_settings: Settings,
    db: psycopg.Connection,
    notes: Table,
    listeners: tuple[Listener, Listener],
) -> None:
    listener, _ = listeners
    listener.on("INSERT", notes.name)
    await listener.client.set_auth(token(bare_settings, ALICE))
    await listener.subscribe()
    db.execute("select pg_terminate_backend(active_pid) from pg_replication_slots")
    await eventually(lambda: "CHANNEL_ERROR" in listener.told)
    await eventually(lambda: listener.told[-2:] == ["SUBSCRIBED", "Subscribed to PostgreSQL"])
    assert listener.states == ["SUBSCRIBED", "CHANNEL_ERROR", "SUBSCRIBED"]
    notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
    await eventually(lambda: listener.changes)
    assert len(listener.changes) == 1


async def test_python_is_closed_when_its_token_expires(
    bare_settings: Settings, listeners: tuple[Listener, Listener]
) -> None:
    listener, _ = listeners
    await listener.client.set_auth(token(bare_settings, ALICE, seconds=5))
    await listener.channel.subscribe(lambda state, _: listener.states.append(state))
    await eventually(lambda: len(listener.states) == 3)
    assert listener.states == ["SUBSCRIBED", "CHANNEL_ERROR", "CLOSED"]


async def test_python_broadcasts_and_is_present(listeners: tuple[Listener, Listener]) -> None:
    one, two = listeners
    heard: list[Any] = []
    one.channel.on_broadcast("*", heard.append)
    one.channel.on_presence_sync(lambda: None)
    await one.channel.subscribe()
    await two.channel.subscribe()
    await two.channel.send_broadcast("said", {"text": "hello"})
    await two.channel.track({"mood": "fine"})
    await eventually(lambda: heard and one.channel.presence_state())
    assert heard[0]["payload"] == {"text": "hello"}
    ((presence,),) = one.channel.presence_state().values()
    assert presence["mood"] == "fine"  # type: ignore[typeddict-item]  # what was tracked
    await two.channel.untrack()
    await eventually(lambda: not one.channel.presence_state())


async def test_python_hears_the_database_on_a_private_topic(
    bare_settings: Settings, db: psycopg.Connection, listeners: tuple[Listener, Listener]
) -> None:
    listener, _ = listeners
    await listener.client.set_auth(bare_settings.keys.service_role_key)
    topic = str(uuid.uuid4())
    config: Any = {"config": {"private": True, "broadcast": {"self": True, "ack": True}}}
    channel = listener.client.channel(topic, config)
    heard: list[Any] = []
    channel.on_broadcast("said", heard.append)
    await channel.subscribe(lambda state, _: listener.states.append(state))
    await eventually(lambda: listener.states == ["SUBSCRIBED"])
    db.execute("select realtime.send('{\"n\": 1}', 'said', %s)", (topic,))
    await eventually(lambda: len(heard) == 1)
    await channel.send_broadcast("said", {"n": 2})
    await eventually(lambda: len(heard) == 2)
    assert [message["payload"]["n"] for message in heard] == [1, 2]


_JAVASCRIPT = """
import { createClient } from '@supabase/supabase-js'
import readline from 'node:readline'
import ws from 'ws'

const { url, key, table, users, vsn } = JSON.parse(process.argv[1])
const tell = (what) => console.log(JSON.stringify(what))
const connect = async ({ id, token }, index) => {
  const options = { realtime: { transport: ws, vsn, heartbeatIntervalMs: 500 } }
  const client = createClient(url, key, options)
  await client.realtime.setAuth(token)
  const filter = index === 0 ? { filter: `user_id=eq.${id}` } : {}
  client
    .channel('orders', { config: { broadcast: { ack: true }, presence: { key: `user-${index}` } } })
    .on('postgres_changes', { event: '*', schema: 'public', table, ...filter }, (change) =>
      tell({ user: index, change }))
    .on('broadcast', { event: 'said' }, ({ payload }) => tell({ user: index, payload }))
    .on('presence', { event: 'join' }, ({ key }) => tell({ user: index, joined: key }))
    .on('system', {}, ({ message }) => tell({ user: index, system: message }))
    .subscribe((status) => tell({ user: index, status }))
  return client
}
const clients = await Promise.all(users.map(connect))
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const [channel] = clients[0].getChannels()
  if (line === 'broadcast') {
    tell({ ack: await channel.send({ type: 'broadcast', event: 'said', payload: { text: 'ä' } }) })
  } else if (line === 'track') {
    tell({ tracked: await channel.track({ mood: 'fine' }) })
  } else {
    await Promise.all(clients.map((client) => client.removeAllChannels()))
    process.exit(0)
  }
})
"""


class Node:
    """The official JavaScript client in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []

    async def ask(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def hear(self, *expected: dict[str, Any]) -> None:
        """Wait until each of these has been told, in any order."""
        await self.until(lambda: all(each in self.heard for each in expected))

    async def until(self, condition: Callable[[], object]) -> None:
        """Listen until the condition holds."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not condition():
                line = await self._process.stdout.readline()
                assert line, self.heard
                self.heard.append(json.loads(line))

    def changes(self, user: int) -> list[tuple[str, int]]:
        """The kind of each change that this user heard of, and the row's id."""
        return [
            (told["change"]["eventType"], told["change"]["new"]["id"])
            for told in self.heard
            if "change" in told and told["user"] == user
        ]


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
async def test_javascript_hears_its_own_rows_broadcasts_and_presence(
    url: str, bare_settings: Settings, notes: Table, vsn: str
) -> None:
    users = [{"id": id_, "token": token(bare_settings, id_)} for id_ in (ALICE, BOB)]
    settings = {"url": url, "key": bare_settings.keys.publishable_key, "table": notes.name}
    process = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "--eval", _JAVASCRIPT,
        json.dumps({**settings, "users": users, "vsn": vsn}),
        cwd=REPOSITORY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    node = Node(process)
    try:
        for user in (0, 1):
            await node.hear(
                {"user": user, "status": "SUBSCRIBED"},
                {"user": user, "system": "Subscribed to PostgreSQL"},
            )
        notes.run("insert into TABLE values (1, %s, 'a'), (2, %s, 'b')", ALICE, BOB)
        await node.ask("broadcast")
        await node.ask("track")
        await node.hear(
            {"ack": "ok"},
            {"tracked": "ok"},
            {"user": 1, "payload": {"text": "ä"}},
            {"user": 1, "joined": "user-0"},
        )
        await node.until(lambda: node.changes(0) and node.changes(1))
        assert (node.changes(0), node.changes(1)) == ([("INSERT", 1)], [("INSERT", 2)])
        await node.ask("stop")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


_PRIVATE_JAVASCRIPT = """
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'

const { url, key, topic, vsn } = JSON.parse(process.argv[1])
const tell = (what) => console.log(JSON.stringify(what))
const client = createClient(url, key, { realtime: { transport: ws, vsn } })
await client.realtime.setAuth(key)
client
  .channel(topic, { config: { private: true, broadcast: { replay: { since: 0, limit: 1 } } } })
  .on('broadcast', { event: 'said' }, ({ payload, meta }) => tell({ n: payload.n, meta }))
  .on('broadcast', { event: 'bytes' }, ({ payload }) =>
    tell({ bytes: [...new Uint8Array(payload)] }))
  .subscribe((status) => tell({ status }))
process.stdin.on('data', async () => {
  await client.removeAllChannels()
  process.exit(0)
})
"""


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
async def test_javascript_hears_the_database_on_a_private_topic(
    url: str, bare_settings: Settings, db: psycopg.Connection, vsn: str
) -> None:
    topic = str(uuid.uuid4())
    said = "select realtime.send(jsonb_build_object('n', %s::int), 'said', %s)"
    db.execute(said, (1, topic))
    settings = {"url": url, "key": bare_settings.keys.service_role_key, "topic": topic, "vsn": vsn}
    process = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "--eval", _PRIVATE_JAVASCRIPT, json.dumps(settings),
        cwd=REPOSITORY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    node = Node(process)
    try:
        await node.until(lambda: any(told.get("n") == 1 for told in node.heard))
        assert node.heard[0] == {"status": "SUBSCRIBED"}
        assert node.heard[1]["meta"]["replayed"] is True
        db.execute(r"select realtime.send_binary('\x0102', 'bytes', %s)", (topic,))
        db.execute(said, (2, topic))
        await node.until(lambda: any(told.get("n") == 2 for told in node.heard))
        assert ({"bytes": [1, 2]} in node.heard) == (vsn == "2.0.0")
        await node.ask("stop")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
