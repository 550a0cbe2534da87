"""Broadcast and presence among the clients of one topic."""

from collections.abc import AsyncIterator

import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.realtime_kit import Message, PlainClient, plain_client, serve

TOPIC = "realtime:room"


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


def _message(text: str) -> Message:
    return {"type": "broadcast", "event": "said", "payload": {"text": text}}


def _binary_push(event: bytes, encoding: int, payload: bytes) -> bytes:
    lengths = [0, 1, len(TOPIC), len(event), 0]
    return bytes([3, *lengths, encoding]) + b"9" + TOPIC.encode() + event + payload


async def test_a_broadcast_reaches_the_others(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as one, plain_client(url, bare_settings) as two:
        await one.join("room", {})
        await two.join("room", {})
        await one.send(TOPIC, "broadcast", _message("hello"))
        assert await two.until("broadcast") == _message("hello")
        assert await one.is_silent()


async def test_a_broadcast_comes_back_and_is_acknowledged_if_asked(
    url: str, bare_settings: Settings
) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {"broadcast": {"self": True, "ack": True}})
        ref = await client.send(TOPIC, "broadcast", _message("hello"))
        assert await client.until("broadcast") == _message("hello")
        assert (await client.reply(ref))["status"] == "ok"


async def test_binary_frames_carry_json_to_all_and_bytes_to_version_2(
    url: str, bare_settings: Settings
) -> None:
    async with (
        plain_client(url, bare_settings) as sender,
        plain_client(url, bare_settings) as new,
        plain_client(url, bare_settings, vsn="1.0.0") as old,
    ):
        await sender.join("room", {})
        await new.join("room", {})
        await old.socket.send_json({"topic": TOPIC, "event": "phx_join", "payload": {}, "ref": "1"})
        await old.socket.receive_json()
        await sender.socket.send_bytes(_binary_push(b"said", 0, b"\x00\xff"))
        await sender.socket.send_bytes(_binary_push(b"said", 1, b'{"text": "hi"}'))
        frame = await new.socket.receive_bytes()
        assert frame == bytes([4, len(TOPIC), 4, 0, 0]) + TOPIC.encode() + b"said" + b"\x00\xff"
        assert await new.until("broadcast") == _message("hi")
        assert (await old.socket.receive_json())["payload"] == _message("hi")


async def test_a_broadcast_without_an_event_is_answered(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {})
        reply = await client.reply(await client.send(TOPIC, "broadcast", {"event": 1}))
        assert reply["status"] == "error"


async def _track(client: PlainClient, event: str, payload: Message | None = None) -> None:
    message = {"type": "presence", "event": event, "payload": payload}
    await client.send(TOPIC, "presence", message)


async def test_presence_tells_who_comes_and_goes(url: str, bare_settings: Settings) -> None:
    following = {"presence": {"key": "ann", "enabled": True}}
    async with plain_client(url, bare_settings) as ann:
        await ann.join("room", following)
        assert await ann.until("presence_state") == {}
        async with plain_client(url, bare_settings) as bob:
            await bob.join("room", {"presence": {"key": "bob"}})
            await _track(bob, "track", {"mood": "fine"})
            (came,) = (await ann.until("presence_diff"))["joins"]["bob"]["metas"]
            assert came["mood"] == "fine"
            await _track(bob, "track", {"mood": "tired"})
            both = await ann.until("presence_diff")
            assert both["leaves"]["bob"]["metas"] == [came]
            (now,) = both["joins"]["bob"]["metas"]
            assert (now["mood"], now["phx_ref_prev"]) == ("tired", came["phx_ref"])
            async with plain_client(url, bare_settings) as late:
                await late.join("room", {"presence": {"enabled": True}})
                assert await late.until("presence_state") == {"bob": {"metas": [now]}}
        gone = await ann.until("presence_diff")
        assert gone == {"joins": {}, "leaves": {"bob": {"metas": [now]}}}


async def test_untracking_and_nonsense_are_answered(url: str, bare_settings: Settings) -> None:
    async with plain_client(url, bare_settings) as client:
        await client.join("room", {"presence": {"key": "me", "enabled": True}})
        await _track(client, "track", {})
        assert "me" in (await client.until("presence_diff"))["joins"]
        await _track(client, "untrack")
        assert "me" in (await client.until("presence_diff"))["leaves"]
        assert (await client.until("phx_reply"))["status"] == "ok"
        await _track(client, "dance")
        assert (await client.until("phx_reply"))["status"] == "error"
