"""The road from a committed change to the channels that may see it."""

import asyncio
import json
import logging
import struct
from collections import defaultdict
from collections.abc import Callable

import psycopg

from local_stack.realtime.catalog import Catalog, TableView
from local_stack.realtime.database import Database
from local_stack.realtime.events import (
    Event,
    composed_values,
    fragments,
    refusal_json,
)
from local_stack.realtime.pgoutput import Change, Decoder, Relation, Transaction
from local_stack.realtime.replication import open_stream
from local_stack.realtime.subscriptions import (
    Subscriber,
    Subscription,
    SubscriptionIndex,
)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SETTLING = 0.001

# A commit is in the stream a moment before it is visible to others. The stream tells 32 of an
# id's 64 bits; the others are those that bring it nearest to the ids in use.
_SETTLED = """
select pg_visible_in_snapshot(
  (%(id)s + 4294967296 * round((pg_snapshot_xmax(snapshot)::text::bigint - %(id)s) / 4294967296.0))
    ::text::xid8,
  snapshot
)
from pg_current_snapshot() as s (snapshot)
"""
_FILTERS = "select realtime.filters_hold(%(role)s, %(conditions)s::jsonb, false)"
_VISIBLE = """
select realtime.visible_to(%(role)s, %(claims)s::text[], %(oid)s::oid::regclass,
  %(names)s::text[], %(values)s::text[])
"""
_TO_JSON = "select realtime.to_json(%(role)s, %(types)s::text[], %(texts)s::text[])"

_Audience = dict[Subscription, str]
"""Subscriptions, each with its subscriber's claims as they were when the change came."""

_log = logging.getLogger(__name__)


class ChangeFeed:
    """Follows the change stream and hands each change to the subscriptions that it matches."""

    def __init__(self, url: str, database: Database, index: SubscriptionIndex) -> None:
        self._url = url
        self._database = database
        self._catalog = Catalog(database)
        self._index = index
        self._views: dict[int, dict[str, TableView | None]] = {}
        self._settled: Transaction | None = None
        self.live = asyncio.Event()
        """Set while every change that is committed from now on will be seen."""

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
            self._views.clear()
            self.live.set()
            on_live()
            async for message in stream.messages():
                decoded = decoder.decode(message)
                if isinstance(decoded, Relation):
                    # Sent again after any DDL or grant on the table.
                    self._views.pop(decoded.oid, None)
                elif decoded and (found := self._index.matches(decoded)):
                    await self._settle(decoded.transaction)
                    await self._deliver(decoded, found)

    async def _settle(self, transaction: Transaction) -> None:
        """Wait until the change is visible: who is told of it may read it at once."""
        while transaction != self._settled:
            ((visible,),) = await self._database.rows(_SETTLED, {"id": transaction.id})
            if visible:
                self._settled = transaction
            else:
                await asyncio.sleep(_SETTLING)

    async def _deliver(self, change: Change, found: list[Subscription]) -> None:
        by_role: defaultdict[str, _Audience] = defaultdict(dict)
        for subscription in found:
            credentials = subscription.subscriber.credentials
            by_role[credentials.role][subscription] = credentials.claims
        for role, audience in by_role.items():
            try:
                await self._deliver_to_role(role, change, audience)
            except psycopg.errors.QueryCanceled as error:
                _log.warning("a change of %s took too long: %s", change.relation.name, error)
            except (psycopg.DataError, psycopg.ProgrammingError, UnicodeError) as error:
                _log.warning("a change of %s was not checked: %s", change.relation.name, error)

    async def _deliver_to_role(self, role: str, change: Change, audience: _Audience) -> None:
        view = await self._view(change.relation, role)
        if view is None:
            return
        audience = await self._filtered(role, change, audience)
        refusal = view.refusal
        if refusal:
            _send(audience, lambda _: refusal_json(change, refusal))
            return
        if view.row_security and change.action != "DELETE":
            audience = await self._seeing(role, change, view, audience)
        if audience:
            event = await self._event(role, change, view)
            _send(audience, event.json)

    async def _view(self, relation: Relation, role: str) -> TableView | None:
        views = self._views.setdefault(relation.oid, {})
        if role not in views:
            views[role] = await self._catalog.view(relation.oid, role)
        return views[role]

    async def _filtered(self, role: str, change: Change, audience: _Audience) -> _Audience:
        """Those whose conditions all hold; equal conditions are asked about once."""
        if not any(each.others for each in audience):
            return audience
        row = change.row
        conditions = {typed for each in audience for typed in each.others}
        asked = [typed for typed in conditions if typed.condition.column in row]
        questions = json.dumps([typed.question(row[typed.condition.column]) for typed in asked])
        parameters = {"role": role, "conditions": questions}
        (answers,) = (await self._database.rows(_FILTERS, parameters))[0]
        holding = {typed for typed, holds in zip(asked, answers, strict=True) if holds}
        return {
            each: claims for each, claims in audience.items() if holding.issuperset(each.others)
        }

    async def _seeing(
        self, role: str, change: Change, view: TableView, audience: _Audience
    ) -> _Audience:
        """Those whose claims show them the row as it is now; equal claims are asked about once."""
        claims = list(set(audience.values()))
        values = [change.new.get(name) for name in view.key]
        if not claims or None in values:
            return {}
        parameters = {
            "role": role,
            "claims": claims,
            "oid": change.relation.oid,
            "names": list(view.key),
            "values": values,
        }
        (answers,) = (await self._database.rows(_VISIBLE, parameters))[0]
        seeing = {claim for claim, sees in zip(claims, answers, strict=True) if sees}
        return {each: claim for each, claim in audience.items() if claim in seeing}

    async def _event(self, role: str, change: Change, view: TableView) -> Event:
        pairs = composed_values(view, change.new, change.old)
        composed: dict[tuple[str, str], str] = {}
        if pairs:
            types, texts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            parameters = {"role": role, "types": types, "texts": texts}
            (written,) = (await self._database.rows(_TO_JSON, parameters))[0]
            composed = dict(zip(pairs, written, strict=True))
        new = fragments(view, change.new, composed)
        return Event(change, view, new, fragments(view, change.old, composed))


def _send(audience: _Audience, data: Callable[[frozenset[str] | None], str]) -> None:
    """One message to each channel and selection, naming all its subscriptions that matched."""
    ids: defaultdict[tuple[Subscriber, frozenset[str] | None], list[int]] = defaultdict(list)
    for subscription in audience:
        ids[subscription.subscriber, subscription.select].append(subscription.id)
    written = {select: data(select) for select in {select for _, select in ids}}
    for (subscriber, select), matched in ids.items():
        subscriber.push_change(matched, written[select])
