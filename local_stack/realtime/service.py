"""Everything of Realtime that its connections share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from aiohttp import WSCloseCode

from local_stack.realtime.changes import ChangeFeed
from local_stack.realtime.channel import Channel
from local_stack.realtime.connection import Connection
from local_stack.realtime.database import Database
from local_stack.realtime.subscribing import SubscriptionCheck, SubscriptionRefusedError
from local_stack.realtime.subscriptions import SubscriptionIndex
from local_stack.realtime.topics import Topics
from local_stack.settings import Settings
from local_stack.tokens import Tokens

# Subscribers are looked after by the role that PostgREST has, so both can become the same roles.
_CHECKING_ROLE = "authenticator"
_STREAMING_ROLE = "supabase_replication_admin"
_RETRY_PAUSE = 0.5


class Service:
    """One per stack."""

    def __init__(self, settings: Settings) -> None:
        self.tokens = Tokens(settings.keys)
        self.topics = Topics()
        self.index = SubscriptionIndex()
        self.connections: set[Connection] = set()
        self._database = Database(settings.database_url(_CHECKING_ROLE))
        self._check = SubscriptionCheck(self._database)
        self._feed = ChangeFeed(settings.database_url(_STREAMING_ROLE), self._database, self.index)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the database's changes meanwhile."""
        await self._database.open()
        following = asyncio.create_task(self._feed.run(self._tell_lost, self._subscribe_all))
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await self._database.close()

    async def close_connections(self) -> None:
        """Tell all clients that the server goes away."""
        closing = [connection.close(WSCloseCode.GOING_AWAY) for connection in self.connections]
        await asyncio.gather(*closing)

    async def subscribe(self, channel: Channel) -> None:
        """Returns once every change committed from now on will reach the channel.

        Raises:
            SubscriptionRefusedError: the channel asks for what it cannot have.
        """
        while True:
            await self._feed.live.wait()
            role = channel.credentials.role
            try:
                subscriptions = await self._check.resolve(channel, channel.changes)
            except psycopg.OperationalError:
                await asyncio.sleep(_RETRY_PAUSE)
                continue
            except SubscriptionRefusedError:
                self.index.remove(channel)
                raise
            if self._feed.live.is_set() and role == channel.credentials.role:
                self.index.replace(channel, subscriptions)
                return

    def _subscribe_all(self) -> None:
        for channel in self.topics.channels():
            channel.subscribe()

    def _tell_lost(self) -> None:
        for channel in self.topics.channels():
            if channel.changes:
                channel.push_system(
                    "error",
                    "The connection to PostgreSQL was lost: changes may have been missed",
                    "postgres_changes",
                )
