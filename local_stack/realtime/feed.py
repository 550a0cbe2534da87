"""The change stream: what is committed is handed on, transaction by transaction."""

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable

import psycopg

from local_stack.realtime import messages
from local_stack.realtime.database import Database
from local_stack.realtime.delivery import Delivery, Match
from local_stack.realtime.pgoutput import Change, Decoder, Relation, Transaction
from local_stack.realtime.replication import open_stream
from local_stack.realtime.subscriptions import SubscriptionIndex
from local_stack.realtime.topics import Topic, Topics
from local_stack.realtime.visibility import until_visible

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# Changes of one transaction that are judged together.
_BATCH, _BATCH_BYTES = 500, 1_000_000
_UNHEARD = 1000

_log = logging.getLogger(__name__)


class Feed:
    """Follows the stream; hands changes to those they concern, and messages to their topics."""

    def __init__(
        self,
        url: str,
        database: Database,
        index: SubscriptionIndex,
        topics: Topics,
        delivery: Delivery,
    ) -> None:
        self._url = url
        self._database = database
        self._index = index
        self._topics = topics
        self._delivery = delivery
        self._settled: Transaction | None = None
        self._batch: list[Match] = []
        self._batch_bytes = 0
        self.live = asyncio.Event()
        """Set while every change that is committed from now on will be seen."""
        self.unheard: deque[int] = deque(maxlen=_UNHEARD)
        """The last transactions with a message that no channel was there for."""

    async def run(self, on_lost: Callable[[], None], on_live: Callable[[], None]) -> None:
        """Follow the stream until cancelled; a lost connection is made anew."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._follow(on_live)
            except (psycopg.Error, OSError, ValueError, KeyError, struct.error) as error:
                _log.warning("the change stream is down: %s", str(error).partition("\n")[0])
            if self.live.is_set():
                self.live.clear()
                on_lost()
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _follow(self, on_live: Callable[[], None]) -> None:
        async with open_stream(self._url) as stream:
            decoder = Decoder()
            self._delivery.forget_tables()
            self._batch, self._batch_bytes = [], 0
            self.unheard.clear()
            self.live.set()
            on_live()
            async for message in stream.messages():
                match decoder.decode(message):
                    case Change() as change:
                        await self._take(change, len(message))
                    case Transaction():
                        await self._flush()
                    case Relation() as relation:
                        # Sent again after any DDL or grant on the table.
                        await self._flush()
                        self._delivery.forget_table(relation.oid)

    async def _take(self, change: Change, size: int) -> None:
        relation = change.relation
        if (relation.schema, relation.name) == (messages.SCHEMA, messages.TABLE):
            await self._announce(change)
        elif found := self._index.matches(change):
            self._batch.append(Match(change, found))
            self._batch_bytes += size
            if len(self._batch) >= _BATCH or self._batch_bytes > _BATCH_BYTES:
                await self._flush()

    async def _announce(self, change: Change) -> None:
        """Send a row of `realtime.messages` to its topic."""
        if not self._topic_of(change):
            self._note_unheard(change.transaction.id)
        elif broadcast := messages.broadcast_of(change.new):
            await self._settle(change.transaction)
            if topic := self._topic_of(change):  # as it is now: who joins later can read the row
                topic.broadcast(broadcast)

    def _topic_of(self, change: Change) -> Topic | None:
        name, private = change.new.get("topic"), change.new.get("private")
        return self._topics.find(name, private=private == "t") if name and private else None

    def _note_unheard(self, transaction: int) -> None:
        if not self.unheard or self.unheard[-1] != transaction:
            self.unheard.append(transaction)

    async def _flush(self) -> None:
        if not self._batch:
            return
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        await self._settle(batch[0].change.transaction)
        await self._delivery.deliver(batch)

    async def _settle(self, transaction: Transaction) -> None:
        """Wait until the change is visible: who is told of it may read it at once."""
        if transaction != self._settled:
            await until_visible(self._database, [transaction.id])
            self._settled = transaction
