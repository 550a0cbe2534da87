"""Connections and channels: joins, replies, tokens, and clients that misbehave."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import psycopg
import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from local_stack.keys import Keys
from local_stack.realtime.connection import MAX_CHANNELS, MAX_MESSAGE
from local_stack.settings import Settings
from local_stack.tokens import Tokens
from tests.stack.realtime_kit import (
    PATIENCE,
    Message,
    Table,
    connect,
    plain_client,
    serve,
    token,
)

USER = str(uuid.uuid4())


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


@pytest.fixture(scope="module")
def db(bare_settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(bare_settings) as connection:
        yield connection


async def _get(url: str, **query: str) -> tuple[int, Message]:
    address = f"{url}/realtime/v1/websocket"
    async with aiohttp.request("GET", address, params=query) as response:
        return response.status, await response.json()


async def test_a_bad_key_is_refused_before_the_upgrade(url: str, bare_settings: Settings) -> None:
    expired = token(bare_settings, USER, seconds=-10)
    forged = Tokens(Keys.generate()).sign({"role": "service_role", "exp": 4_000_000_000})
    eternal = Tokens(bare_settings.keys).sign({"role": "authenticated"})
    for key in ("", "nonsense", expired, forged, eternal):
        status, body = await _get(url, apikey=key)
        assert (status, body["message"][:15]) == (401, "Invalid API key")


async def test_what_is_no_websocket_request_is_told_so(url: str, bare_settings: Settings) -> None:
    key = bare_settings.keys.anon_key
    assert (await _get(url, apikey=key))[0] == 426
    assert (await _get(url, apikey=key, vsn="3.0.0"))[0] == 400


async def test_version_1_is_spoken_in_objects(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings, vsn="1.0.0") as client:
        for topic, event in (("phoenix", "heartbeat"), ("realtime:a", "phx_join")):
            await client.socket.send_json(
                {"topic": topic, "event": event, "payload": {}, "ref": None}
            )
            response: Message = {} if event == "heartbeat" else {"postgres_changes": []}
            assert json.loads(await client.socket.receive_str()) == {
                "topic": topic,
                "event": "phx_reply",
                "payload": {"status": "ok", "response": response},
                "ref": None,
            }


async def test_only_realtime_topics_can_be_joined(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        for topic in ("room", "realtime:", "phoenix"):
            reply = await client.reply(await client.send(topic, "phx_join"))
            assert reply == {"status": "error", "response": {"reason": "unmatched topic"}}
        reply = await client.reply(await client.send("realtime:never-joined", "broadcast"))
        assert reply["response"]["reason"] == "unmatched topic"
        assert (await client.reply(await client.send("realtime:a", "phx_leave")))["status"] == "ok"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"private": True}, "Unauthorized: You do not have permissions to read"),
        ({"broadcast": {"replay": {"since": 0}}}, "UnableToReplayMessages: Replay is not allowed"),
        (
            {"broadcast": {"replay": {"since": "now"}}},
            "InvalidJoinPayload: config.broadcast.replay",
        ),
        ({"postgres_changes": "all"}, "InvalidJoinPayload: config.postgres_changes"),
        ({"postgres_changes": [{}] * 101}, "InvalidJoinPayload: config.postgres_changes"),
        ({"postgres_changes": [{"event": "TRUNCATE"}]}, "InvalidJoinPayload: event"),
        ({"presence": {"enabled": []}}, "InvalidJoinPayload: config.presence.enabled"),
        (7, "InvalidJoinPayload: config"),
    ],
)
async def test_a_join_that_cannot_be_is_answered(
    url: str, bare_settings: Settings, config: Message, reason: str
) -> None:
    async with plain_client(url, bare_settings) as client:
        reply = await client.join("room", config)
        assert reply["status"] == "error"
        assert reply["response"]["reason"].startswith(reason)


async def test_a_join_with_a_bad_token_is_answered(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        expired = token(bare_settings, USER, seconds=-10)
        reply = await client.join("room", {}, expired)
        assert reply["response"]["reason"] == "InvalidJWTToken: Signature has expired"
        reply = await client.join("room", {}, bare_settings.keys.publishable_key)
        assert reply["status"] == "ok"


async def test_leaving_is_answered_and_then_closed(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {})
        ref = await client.send("realtime:room", "phx_leave")
        messages = [await client.receive(), await client.receive()]
        assert [message["event"] for message in messages] == ["phx_reply", "phx_close"]
        assert messages[0]["ref"] == ref
        reply = await client.reply(await client.send("realtime:room", "broadcast"))
        assert reply["response"]["reason"] == "unmatched topic"


async def test_a_second_join_replaces_the_first(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry("INSERT"))
        await client.listen("room", table.entry("DELETE"))
        table.run("insert into TABLE values (1)")
        table.run("delete from TABLE")
        assert (await client.change())["type"] == "DELETE"


async def test_a_message_for_the_replaced_channel_is_ignored(
    url: str, bare_settings: Settings
) -> None:
    async with plain_client(url, bare_settings) as client:
        for join_ref in ("1", "2"):
            await client.socket.send_json([join_ref, join_ref, "realtime:room", "phx_join", {}])
            assert (await client.receive())["payload"]["status"] == "ok"
        await client.socket.send_json(["1", "3", "realtime:room", "phx_leave", {}])
        assert (await client.reply("3"))["status"] == "ok"
        reply = await client.reply(await client.send("realtime:room", "nonsense"))
        assert reply["response"]["reason"] == "unknown event nonsense"


async def test_expiry_closes_the_channel(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {}, token(bare_settings, USER, seconds=5))
        message = await client.receive()
        assert message["event"] == "system"
        assert (message["payload"]["status"], message["payload"]["message"]) == (
            "error",
            "Token has expired",
        )
        assert (await client.receive())["event"] == "phx_close"
        assert (await client.reply(await client.send("phoenix", "heartbeat")))["status"] == "ok"


async def test_a_renewed_token_lives_on(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("short", {}, token(bare_settings, USER, seconds=5))
        await client.join("renewed", {}, token(bare_settings, USER, seconds=5))
        renewed = {"access_token": token(bare_settings, USER)}
        await client.send("realtime:renewed", "access_token", renewed)
        assert (await client.receive())["topic"] == "realtime:short"
        assert (await client.receive())["event"] == "phx_close"
        reply = await client.reply(await client.send("realtime:renewed", "nonsense"))
        assert reply["response"]["reason"] == "unknown event nonsense"


async def test_a_forged_token_closes_the_channel(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {}, token(bare_settings, USER))
        await client.send("realtime:room", "access_token", {"access_token": "nonsense"})
        assert (await client.until("system"))["message"].startswith("InvalidJWTToken")
        assert (await client.receive())["event"] == "phx_close"


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "[" * 100_000,
        '[null, null, 1, "phx_join", {}]',
        '[null, null, "realtime:a", "phx_join", []]',
        '[null, {}, "realtime:a", "phx_join", {}]',
        '[null, null, "realtime:a", "phx_join", {"a": NaN}]',
        '{"topic": "realtime:a", "event": "phx_join", "ref": null}',
        b"",
        b"\x03",
        b"\x03\xff\xff\xff\xff\xff\x01abc",
        b"\x03\x00\x00\x01\x01\x00\x01\xff\xff{}",
        b"\x03\x00\x00\x01\x01\x00\x01ab{",
    ],
)
async def test_a_malformed_frame_ends_the_connection(
    url: str, bare_settings: Settings, vsn: str, frame: str | bytes
) -> None:
    async with plain_client(url, bare_settings, vsn=vsn) as client:
        send = client.socket.send_str if isinstance(frame, str) else client.socket.send_bytes
        await send(frame)  # type: ignore[arg-type]  # chosen by the type
        message = await client.socket.receive(PATIENCE)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1007)


async def test_a_message_that_is_too_large_ends_the_connection(
    url: str, bare_settings: Settings
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.socket.send_str("x" * (MAX_MESSAGE + 1))
        message = await client.socket.receive(PATIENCE)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)


async def test_channels_per_connection_are_limited(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        for number in range(MAX_CHANNELS):
            assert (await client.join(f"room-{number}", {}))["status"] == "ok"
        reply = await client.join("one-more", {})
        assert reply["response"]["reason"].startswith("ChannelRateLimitReached")


async def test_a_client_that_does_not_read_is_dropped_and_others_are_not(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, body text", rls=False)
    async with plain_client(url, bare_settings) as reader, plain_client(url, bare_settings) as lazy:
        await reader.listen("room", table.entry(select=["id"]))
        await lazy.listen("room", table.entry())
        transport = lazy.socket._response.connection.transport  # type: ignore[union-attr]
        transport.pause_reading()  # type: ignore[union-attr]
        for number in range(60):
            table.run("insert into TABLE values (%s, repeat('x', 500000))", number)
            assert (await reader.change())["record"] == {"id": number}
        transport.resume_reading()  # type: ignore[union-attr]
        received = 0
        async with asyncio.timeout(PATIENCE):
            async for _ in lazy.socket:
                received += 1
        assert received < 60
        assert lazy.socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_a_server_that_stops_says_goodbye(bare_settings: Settings) -> None:
    async with AsyncExitStack() as clients:
        async with serve(bare_settings) as url:
            client = await clients.enter_async_context(plain_client(url, bare_settings))
            await client.join("room", {})
            goodbye = asyncio.create_task(client.socket.receive(PATIENCE))
            await asyncio.sleep(0)
        message = await goodbye
        assert (message.type, message.data) == (WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)


async def test_a_server_may_stop_while_it_starts(bare_settings: Settings) -> None:
    async with asyncio.timeout(PATIENCE):
        for milliseconds in range(0, 20, 2):
            async with serve(bare_settings):
                await asyncio.sleep(milliseconds / 1000)
