"""Hints from Supabase Realtime: it loses messages, so nothing here is taken for the truth."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from realtime import (
    AsyncRealtimeChannel,
    AsyncRealtimeClient,
    PostgresChangesPayload,
    RealtimePostgresChangesListenEvent,
    RealtimeSubscribeStates,
)

from orderbase._auth import AsyncAuth
from orderbase._feed import Mailbox, Position
from orderbase._send import backoff

_log = logging.getLogger("orderbase")

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 30.0
_CLOSE_SECONDS = 1.0


class Listener:
    """Listens for new order events, and starts over with the current token after any trouble."""

    def __init__(self, auth: AsyncAuth, *, url: str, key: str, row_filter: str | None) -> None:
        self._auth = auth
        self._url = url
        self._key = key
        self._filter = row_filter
        self._hints = Mailbox()
        self._lost = asyncio.Event()
        self._failures = 0

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[Mailbox, None]:
        """Hints, for as long as the context is open."""
        task = asyncio.create_task(self._listen_forever())
        try:
            yield self._hints
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _listen_forever(self) -> None:
        # A new client each time: realtime-py's own reconnect joins again with what it joined first.
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - the feed is read on a timer meanwhile
                _log.warning("orderbase: realtime is out of reach: %s", error)
            self._hints.nudge()
            await asyncio.sleep(backoff(self._failures, _FIRST_DELAY, _LONGEST_DELAY))
            self._failures += 1

    async def _listen_once(self) -> None:
        self._lost.clear()
        client = AsyncRealtimeClient(
            f"{self._url}/realtime/v1", token=self._key, auto_reconnect=False
        )
        channel = client.channel(f"order-events-{uuid4()}")
        channel.on_system(lambda _: self._hints.nudge())
        channel.on_postgres_changes(
            RealtimePostgresChangesListenEvent.Insert,
            self._on_insert,
            table="order_events",
            schema="public",
            filter=self._filter,
        )
        try:
            await client.set_auth(await self._auth.token() or self._key)
            with self._auth.on_change(self._lost.set):
                await channel.subscribe(self._on_state)
                await self._lost.wait()
        finally:
            await _close(client, channel)

    def _on_state(self, state: RealtimeSubscribeStates, error: Exception | None) -> None:
        if state is RealtimeSubscribeStates.SUBSCRIBED:
            self._failures = 0
            self._hints.nudge()
        else:
            _log.info("orderbase: realtime %s: %s", state.value, error)
            self._lost.set()

    def _on_insert(self, payload: PostgresChangesPayload) -> None:
        row: dict[str, Any] = payload["data"].get("record") or {}
        try:
            self._hints.hint(Position(int(row["xid"]), int(row["id"])))
        except (KeyError, TypeError, ValueError):
            self._hints.nudge()


async def _close(client: AsyncRealtimeClient, channel: AsyncRealtimeChannel) -> None:
    channel.rejoin_timer.reset()
    channel.join_push.destroy()
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
            return
    await client.close()  # without the peer's goodbye; ends the client's tasks
