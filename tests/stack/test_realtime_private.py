"""Private topics: the policies of realtime.messages say who may join, hear and speak."""

import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.realtime_kit import (
    Message,
    PlainClient,
    connect,
    plain_client,
    serve,
    token,
)

ALICE, BOB = str(uuid.uuid4()), str(uuid.uuid4())
PRIVATE = {"private": True}
NOT_READABLE = "You do not have permissions to read from this Channel topic"


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


@pytest.fixture(scope="module")
def db(bare_settings: Settings) -> Iterator[psycopg.Connection]:
    """Members read all topics of theirs, but speak only where the name ends with `:open`."""
    with connect(bare_settings) as connection:
        connection.execute("create table if not exists members (topic text, user_id uuid)")
        connection.execute("grant select on members to authenticated")
        for policy in _POLICIES:
            connection.execute(policy)
        yield connection
        for name in ("read", "speak", "watch", "break"):
            connection.execute(f'drop policy "{name}" on realtime.messages'.encode())


_IS_MEMBER = """
  exists (select from public.members as m
    where m.topic = (select realtime.topic()) and m.user_id = (select auth.uid()))
"""
_POLICIES = tuple(
    text.encode()
    for text in (
        f"""create policy "read" on realtime.messages for select to authenticated
        using (extension = 'broadcast' and {_IS_MEMBER})""",
        f"""create policy "watch" on realtime.messages for select to authenticated
        using (extension = 'presence' and realtime.topic() like '%:open' and {_IS_MEMBER})""",
        f"""create policy "speak" on realtime.messages for insert to authenticated
        with check (realtime.topic() like '%:open' and {_IS_MEMBER})""",
        """create policy "break" on realtime.messages as restrictive for select to authenticated
        using (1 / (length(realtime.topic()) - 6) is not null)""",
    )
)


@pytest.fixture
def room(db: psycopg.Connection) -> str:
    """A topic of Alice's where she may speak."""
    return _topic(db, "open", ALICE)


def _topic(db: psycopg.Connection, kind: str, *users: str) -> str:
    topic = f"{uuid.uuid4().hex[:8]}:{kind}"
    for user in users:
        db.execute("insert into members values (%s, %s)", (topic, user))
    return topic


def _said(text: str) -> Message:
    return {"type": "broadcast", "event": "said", "payload": {"text": text}}


async def _speak(client: PlainClient, topic: str, text: str) -> None:
    await client.send(f"realtime:{topic}", "broadcast", _said(text))


async def test_only_who_may_read_joins(url: str, bare_settings: Settings, room: str) -> None:
    async with plain_client(url, bare_settings) as client:
        reply = await client.join(room, PRIVATE, token(bare_settings, BOB))
        assert reply == {
            "status": "error",
            "response": {"reason": f"Unauthorized: {NOT_READABLE}: {room}"},
        }
        assert (await client.join(room, PRIVATE))["status"] == "error"
        assert (await client.join(room, PRIVATE, token(bare_settings, ALICE)))["status"] == "ok"
        service = bare_settings.keys.service_role_key
        assert (await client.join("anything", PRIVATE, service))["status"] == "ok"


@pytest.mark.parametrize("role", ["postgres", "supabase_admin", "no_such_role"])
async def test_a_role_that_is_none_of_the_apis_may_nothing(
    url: str, bare_settings: Settings, room: str, role: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        reply = await client.join(room, PRIVATE, token(bare_settings, ALICE, role=role))
        assert reply["response"]["reason"].startswith("Unauthorized")


@pytest.mark.parametrize("topic", ["sixsix", "a\0b", "\ud800"])
async def test_a_policy_or_topic_that_fails_gives_no_right(
    url: str, bare_settings: Settings, db: psycopg.Connection, topic: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        reply = await client.join(topic, PRIVATE, token(bare_settings, ALICE))
        assert reply["response"]["reason"].startswith("Unauthorized")


async def test_the_private_and_the_public_topic_of_a_name_do_not_meet(
    url: str, bare_settings: Settings, room: str
) -> None:
    async with plain_client(url, bare_settings) as member, plain_client(url, bare_settings) as spy:
        await member.join(
            room, {**PRIVATE, "broadcast": {"ack": True}}, token(bare_settings, ALICE)
        )
        await spy.join(room, {"broadcast": {"ack": True}})
        await _speak(member, room, "secret")
        assert (await member.until("phx_reply"))["status"] == "ok"
        assert await spy.is_silent()
        await _speak(spy, room, "spam")
        assert (await spy.until("phx_reply"))["status"] == "ok"
        assert await member.is_silent()


async def test_who_may_only_read_hears_but_cannot_speak(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    topic = _topic(db, "closed", ALICE)
    config = {**PRIVATE, "broadcast": {"ack": True}}
    async with plain_client(url, bare_settings) as owner, plain_client(url, bare_settings) as alice:
        await owner.join(topic, config, bare_settings.keys.service_role_key)
        await alice.join(topic, config, token(bare_settings, ALICE))
        await _speak(alice, topic, "me too")
        assert await alice.is_silent()
        await _speak(owner, topic, "hear")
        assert await alice.until("broadcast") == _said("hear")
        assert (await owner.until("phx_reply"))["status"] == "ok"
        assert await owner.is_silent()


async def test_presence_has_policies_of_its_own(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    config = {**PRIVATE, "presence": {"enabled": True, "key": "me"}}
    track = {"type": "presence", "event": "track", "payload": {"mood": "fine"}}
    open_topic, closed_topic = _topic(db, "open", ALICE), _topic(db, "closed", ALICE)
    async with plain_client(url, bare_settings) as client:
        await client.join(open_topic, config, token(bare_settings, ALICE))
        assert await client.until("presence_state") == {}
        await client.send(f"realtime:{open_topic}", "presence", track)
        assert "me" in (await client.until("presence_diff"))["joins"]
        assert (await client.until("phx_reply"))["status"] == "ok"
        await client.join(closed_topic, config, token(bare_settings, ALICE))
        reply = await client.reply(await client.send(f"realtime:{closed_topic}", "presence", track))
        assert "permissions to write" in reply["response"]["reason"]
        assert await client.is_silent()


async def test_a_token_that_reads_no_more_closes_the_channel(
    url: str, bare_settings: Settings, room: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join(room, PRIVATE, token(bare_settings, ALICE))
        renewed = {"access_token": token(bare_settings, BOB)}
        await client.send(f"realtime:{room}", "access_token", renewed)
        assert (await client.until("system"))["message"] == f"{NOT_READABLE}: {room}"
        assert (await client.receive())["event"] == "phx_close"


async def test_a_token_that_reads_less_closes_the_channel(
    url: str, bare_settings: Settings, db: psycopg.Connection, room: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join(room, PRIVATE, bare_settings.keys.service_role_key)
        db.execute("insert into members values (%s, %s)", (room, BOB))
        db.execute('alter policy "watch" on realtime.messages using (false)')
        renewed = {"access_token": token(bare_settings, BOB)}
        await client.send(f"realtime:{room}", "access_token", renewed)
        told = (await client.until("system"))["message"]
        assert told == f"You no longer have permission to read from this Channel topic: {room}"
        watch = f"extension = 'presence' and realtime.topic() like '%:open' and {_IS_MEMBER}"
        db.execute(f'alter policy "watch" on realtime.messages using ({watch})'.encode())


async def test_a_new_token_is_asked_again_whether_it_may_speak(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    topic = _topic(db, "closed", ALICE)
    config = {**PRIVATE, "broadcast": {"self": True}}
    async with plain_client(url, bare_settings) as client:
        await client.join(topic, config, token(bare_settings, ALICE))
        await _speak(client, topic, "unheard")
        renewed = {"access_token": bare_settings.keys.service_role_key}
        await client.send(f"realtime:{topic}", "access_token", renewed)
        await _speak(client, topic, "heard")
        assert await client.until("broadcast") == _said("heard")


async def test_probes_leave_no_rows(
    url: str, bare_settings: Settings, db: psycopg.Connection, room: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        config = {**PRIVATE, "broadcast": {"self": True}}
        await client.join(room, config, token(bare_settings, ALICE))
        await _speak(client, room, "hello")
        await client.until("broadcast")
    row = db.execute("select count(*) from realtime.messages where topic = %s", (room,)).fetchone()
    assert row == (0,)


async def test_a_slow_policy_is_given_up(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    db.execute(
        """create policy "slow" on realtime.messages for select to authenticated
        using (realtime.topic() = 'slow' and pg_sleep(60) is not null)"""
    )
    try:
        async with plain_client(url, bare_settings) as client:
            reply = await client.join("slow", PRIVATE, token(bare_settings, ALICE))
            assert reply["response"]["reason"].startswith("QueryCanceled")
    finally:
        db.execute('drop policy "slow" on realtime.messages')
