"""Everything of Realtime that its connections share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from aiohttp import WSCloseCode

from local_stack.realtime.authorization import Authorization
from local_stack.realtime.broadcasts import Broadcast
from local_stack.realtime.catalog import Catalog
from local_stack.realtime.channel import Channel
from local_stack.realtime.connection import Connection
from local_stack.realtime.database import Database
from local_stack.realtime.delivery import Delivery
from local_stack.realtime.feed import Feed
from local_stack.realtime.limits import Limits
from local_stack.realtime.messages import Messages
from local_stack.realtime.subscribing import SubscriptionCheck, SubscriptionRefusedError
from local_stack.realtime.subscriptions import SubscriptionIndex
from local_stack.realtime.topics import Topics
from local_stack.realtime.visibility import until_visible
from local_stack.settings import Settings
from local_stack.tokens import Tokens

# Subscribers are looked after by the role that PostgREST has, so both can become the same roles.
_ASKING_ROLE = "authenticator"
_STREAMING_ROLE = "supabase_replication_admin"
_ASKING_SECONDS = 3.0
# What users wrote is asked about each change, and keeps all other changes waiting.
_DELIVERING_SECONDS = 0.5
_RETRY_PAUSE = 0.5
_CANCEL_AGAIN = 0.1


class Service:
    """One per stack."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        url = settings.database_url(_ASKING_ROLE)
        self.tokens = Tokens(settings.keys)
        self.limits = limits
        self.topics = Topics()
        self.index = SubscriptionIndex()
        self.connections: set[Connection] = set()
        self._asking = Database(url, _ASKING_SECONDS)
        self._delivering = Database(url, _DELIVERING_SECONDS)
        self.messages = Messages(self._asking)
        self.authorization = Authorization(self._asking, self.messages)
        self._check = SubscriptionCheck(self._asking)
        delivery = Delivery(Catalog(self._asking), self._delivering, self.index)
        streaming = settings.database_url(_STREAMING_ROLE)
        self._feed = Feed(streaming, self._asking, self.index, self.topics, delivery)

    @property
    def live(self) -> asyncio.Event:
        """Set while all that is committed is seen."""
        return self._feed.live

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the database's changes meanwhile."""
        databases = (self._asking, self._delivering)
        for database in databases:
            await database.open()
        work = (self._feed.run(self._tell_lost, self._subscribe_all), self.messages.keep())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            await asyncio.gather(*map(_end, tasks))
            for database in databases:
                await database.close()

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

    async def recent(self, topic: str, since: int, limit: int) -> list[Broadcast]:
        """What a channel that has joined missed; whatever else there is will come to it.

        Raises:
            psycopg.Error: the database is not there, or took too long.
        """
        await until_visible(self._asking, self._feed.unheard)
        return await self.messages.recent(topic, since, limit)

    def _subscribe_all(self) -> None:
        for channel in self.topics.channels():
            channel.subscribe()

    def _tell_lost(self) -> None:
        for channel in self.topics.channels():
            if channel.changes:
                channel.push_changes_error(
                    "The connection to PostgreSQL was lost: changes may have been missed"
                )


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel until it has ended: a cancellation can be lost in `wait_for` before Python 3.12."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN)
