"""From committed changes to the channels that may see them."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from local_stack.realtime.catalog import Catalog, TableView
from local_stack.realtime.database import Database
from local_stack.realtime.events import Event, composed_values, fragments, refusal_json
from local_stack.realtime.pgoutput import Change, Relation
from local_stack.realtime.sight import Audience, Sight, Viewing
from local_stack.realtime.subscriptions import (
    Subscriber,
    Subscription,
    SubscriptionIndex,
    TypedCondition,
)

_FILTERS = "select realtime.filters_hold(%(role)s, %(conditions)s::jsonb, false)"
_TO_JSON = "select realtime.to_json(%(role)s, %(types)s::text[], %(texts)s::text[])"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Match:
    """A change and the subscriptions that it may concern."""

    change: Change
    found: list[Subscription]


class Delivery:
    """Narrows down who may see each change, and sends it to them in the order of changes."""

    def __init__(
        self, catalog: Catalog, users_database: Database, index: SubscriptionIndex
    ) -> None:
        """`users_database` is for what users wrote: policies and filters, which may be slow."""
        self._database = users_database
        self._index = index
        self._catalog = catalog
        self._sight = Sight(users_database)
        self._views: dict[int, dict[str, TableView | None]] = {}

    def forget_tables(self) -> None:
        """Look at every table anew."""
        self._views.clear()

    def forget_table(self, oid: int) -> None:
        """Look at a table anew: it may have been altered."""
        self._views.pop(oid, None)

    async def deliver(self, matches: list[Match]) -> None:
        """Send changes of one transaction.

        Raises:
            psycopg.OperationalError: the database is not there.
        """
        viewings = [viewing for match in matches for viewing in await self._viewings(match)]
        await self._sight.narrow([each for each in viewings if each.needs_sight])
        for viewing in viewings:
            with _tolerated(viewing):
                await self._send(viewing)

    async def _viewings(self, match: Match) -> list[Viewing]:
        by_role: defaultdict[str, Audience] = defaultdict(dict)
        for subscription in match.found:
            credentials = subscription.subscriber.credentials
            by_role[credentials.role][subscription] = credentials.claims
        viewings = []
        for role, audience in by_role.items():
            view = await self._view(match.change.relation, role)
            if view:
                viewing = Viewing(role, match.change, view, audience)
                with _tolerated(viewing):
                    viewing.audience = await self._filtered(viewing)
                viewings.append(viewing)
        return viewings

    async def _view(self, relation: Relation, role: str) -> TableView | None:
        views = self._views.setdefault(relation.oid, {})
        if role not in views:
            views[role] = await self._catalog.view(relation.oid, role)
        return views[role]

    async def _filtered(self, viewing: Viewing) -> Audience:
        """Those whose conditions all hold; equal conditions are asked about once."""
        audience = viewing.audience
        conditions = {typed for each in audience for typed in each.others}
        row = viewing.change.row
        asked = [typed for typed in conditions if typed.condition.column in row]
        holding = await self._holding(viewing, asked) if asked else set()
        return {
            each: claims for each, claims in audience.items() if holding.issuperset(each.others)
        }

    async def _holding(self, viewing: Viewing, asked: list[TypedCondition]) -> set[TypedCondition]:
        """The conditions that hold; who asks for one that takes too long asks no more."""
        try:
            return await self._ask(viewing, asked)
        except psycopg.errors.QueryCanceled:
            if len(asked) > 1:
                return {held for typed in asked for held in await self._holding(viewing, [typed])}
            self._end(asked[0], viewing)
            return set()

    async def _ask(self, viewing: Viewing, asked: list[TypedCondition]) -> set[TypedCondition]:
        row = viewing.change.row
        questions = json.dumps([typed.question(row[typed.condition.column]) for typed in asked])
        parameters = {"role": viewing.role, "conditions": questions}
        ((answers,),) = await self._database.rows(_FILTERS, parameters)
        return {typed for typed, holds in zip(asked, answers, strict=True) if holds}

    def _end(self, slow: TypedCondition, viewing: Viewing) -> None:
        relation = viewing.change.relation
        condition = f"{slow.condition.column}={slow.condition.operator}"
        message = f"The filter {condition} on {relation.name} takes too long: no more changes come"
        _log.warning(
            "a filter %s of %s took too long: its subscriptions end", condition, relation.name
        )
        for subscriber in {each.subscriber for each in viewing.audience if slow in each.others}:
            self._index.remove(subscriber)
            subscriber.push_changes_error(message)

    async def _send(self, viewing: Viewing) -> None:
        if not viewing.audience:
            return
        change, refusal = viewing.change, viewing.view.refusal
        if refusal:
            _push(viewing.audience, lambda _: refusal_json(change, refusal))
        else:
            _push(viewing.audience, (await self._event(viewing)).json)

    async def _event(self, viewing: Viewing) -> Event:
        change, view = viewing.change, viewing.view
        pairs = composed_values(view, change.new, change.old)
        composed: dict[tuple[str, str], str] = {}
        if pairs:
            types, texts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            parameters = {"role": viewing.role, "types": types, "texts": texts}
            ((written,),) = await self._database.rows(_TO_JSON, parameters)
            composed = dict(zip(pairs, written, strict=True))
        new = fragments(view, change.new, composed)
        return Event(change, view, new, fragments(view, change.old, composed))


@contextmanager
def _tolerated(viewing: Viewing) -> Iterator[None]:
    """A change that cannot be judged is shown to nobody, and the others go on."""
    try:
        yield
    except psycopg.errors.QueryCanceled:
        viewing.hide("it took too long")
    except (psycopg.DataError, psycopg.ProgrammingError, UnicodeError) as error:
        viewing.hide(str(error))


def _push(audience: Audience, data: Callable[[frozenset[str] | None], str]) -> None:
    """One message to each channel and selection, naming all its subscriptions that matched."""
    ids: defaultdict[tuple[Subscriber, frozenset[str] | None], list[int]] = defaultdict(list)
    for subscription in audience:
        ids[subscription.subscriber, subscription.select].append(subscription.id)
    written = {select: data(select) for select in {select for _, select in ids}}
    for (subscriber, select), matched in ids.items():
        subscriber.push_change(matched, written[select])
