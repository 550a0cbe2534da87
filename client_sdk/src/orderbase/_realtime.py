"""Hints from Supabase Realtime: it loses messages, so nothing here is taken for the truth.

Speaks to the socket itself. The official client joins again with an old token, and when its
reading task dies nobody is told; here any trouble ends the connection, and a new one is made.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp

from orderbase._auth import AsyncAuth
from orderbase._feed import Mailbox, Position
from orderbase._send import backoff

_log = logging.getLogger("orderbase")

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 30.0
_HEARTBEAT_SECONDS = 25.0  # the server hangs up after 60
_PING_SECONDS = 15.0
_TIMEOUTS = aiohttp.ClientWSTimeout(ws_close=1.0)  # pyright: ignore[reportCallIssue] - attrs
_TOPIC = "realtime:orderbase"
_JOIN = "1"


class _ChannelEnded(Exception):  # noqa: N818 - says what happened
    """The server refused or ended the subscription."""


class Listener:
    """Listens for new order events, and starts over with the current token after any trouble."""

    def __init__(self, auth: AsyncAuth, *, url: str, key: str, row_filter: str | None) -> None:
        self._auth = auth
        self._url = url
        self._key = key
        self._filter = row_filter
        self.hints = Mailbox()
        self._failures = 0

    async def run(self) -> None:
        """Put what is heard into `hints`, until cancelled."""
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - the feed is read on a timer meanwhile
                # Not its text: aiohttp's has the address, and that has the key.
                _log.warning("realtime is out of reach: %s", type(error).__name__)
            self.hints.nudge()
            await asyncio.sleep(backoff(self._failures, _FIRST_DELAY, _LONGEST_DELAY))
            self._failures += 1

    async def _listen_once(self) -> None:
        """Return when the server hangs up or the session changes."""
        changed = asyncio.Event()
        with self._auth.on_change(changed.set):
            token = await self._auth.token() or self._key
            changed.clear()  # that may have been a refresh
            async with (
                aiohttp.ClientSession(trust_env=True) as session,
                session.ws_connect(
                    f"{self._url}/realtime/v1/websocket",
                    params={"apikey": self._key, "vsn": "1.0.0"},
                    heartbeat=_PING_SECONDS,
                    timeout=_TIMEOUTS,
                ) as socket,
            ):
                await socket.send_json(_message(_TOPIC, "phx_join", self._join(token), _JOIN))
                await _until_one_ends(self._receive(socket), _beat(socket), changed.wait())

    def _join(self, token: str) -> Mapping[str, object]:
        change = {"event": "INSERT", "schema": "public", "table": "order_events"}
        if self._filter is not None:
            change["filter"] = self._filter
        config = {
            "broadcast": {"ack": False, "self": False},
            "presence": {"key": "", "enabled": False},
            "private": False,
            "postgres_changes": [change],
        }
        return {"config": config, "access_token": token}

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.json())

    def _take(self, message: Mapping[str, Any]) -> None:
        event, payload = message["event"], message["payload"]
        if event == "postgres_changes":
            self._hint_at(payload["data"].get("record") or {})
        elif event in ("phx_error", "phx_close") or payload.get("status") == "error":
            raise _ChannelEnded(payload)
        elif event == "system" or message.get("ref") == _JOIN:
            self._failures = 0
            self.hints.nudge()

    def _hint_at(self, row: Mapping[str, Any]) -> None:
        try:
            self.hints.hint(Position(int(row["xid"]), int(row["id"])))
        except (KeyError, TypeError, ValueError):
            self.hints.nudge()


async def _beat(socket: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT_SECONDS)
        await socket.send_json(_message("phoenix", "heartbeat", {}, "heartbeat"))


def _message(
    topic: str, event: str, payload: Mapping[str, object], ref: str
) -> Mapping[str, object]:
    return {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": _JOIN}


async def _until_one_ends(*parts: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
