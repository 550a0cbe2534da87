"""Row-level security: which subscribers see which of the changed rows as they are now."""

import itertools
import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter

import psycopg

from local_stack.realtime.catalog import TableView
from local_stack.realtime.database import Database
from local_stack.realtime.pgoutput import Change
from local_stack.realtime.subscriptions import Subscription

_VISIBLE = """
select realtime.visible_to(
  %(role)s, %(oid)s::oid::regclass, %(names)s::text[], %(types)s::text[], %(questions)s::jsonb
)
"""
_PAIRS = 100
"""How many rows and claims one statement asks about: it must be done in time."""

Audience = dict[Subscription, str]
"""Subscriptions, each with its subscriber's claims as they were when the change came."""
Key = tuple[str, ...]
Pair = tuple[str, Key]
"""Claims, and the primary key of a row that they may see."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Viewing:
    """A change as one role sees it, and those who may still be told of it."""

    role: str
    change: Change
    view: TableView
    audience: Audience

    @property
    def needs_sight(self) -> bool:
        """Whether row-level security decides."""
        view = self.view
        return bool(
            self.audience
            and view.row_security
            and not view.refusal
            and self.change.action != "DELETE"
        )

    @property
    def key(self) -> Key | None:
        values = [self.change.new.get(name) for name in self.view.key]
        return None if None in values else tuple(value or "" for value in values)

    @property
    def table(self) -> str:
        return f"{self.change.relation.schema}.{self.change.relation.name}"

    def pairs(self) -> set[Pair]:
        """Who asks for which row."""
        key = self.key
        return {(claims, key) for claims in self.audience.values()} if key else set()

    def hide(self, reason: str) -> None:
        """Tell nobody."""
        count = len(self.audience)
        _log.warning(
            "a change of %s is hidden from %s subscriptions: %s", self.table, count, reason
        )
        self.audience = {}


class Sight:
    """Asks PostgreSQL, for many rows and subscribers at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def narrow(self, viewings: list[Viewing]) -> None:
        """Leave in each audience those who see the row; equal claims are asked about once."""
        groups: defaultdict[tuple[str, int], list[Viewing]] = defaultdict(list)
        for viewing in viewings:
            groups[viewing.role, viewing.change.relation.oid].append(viewing)
        for group in groups.values():
            seeing = await self._seeing(group)
            for viewing in group:
                viewing.audience = {
                    each: claims
                    for each, claims in viewing.audience.items()
                    if (claims, viewing.key) in seeing
                }

    async def _seeing(self, group: list[Viewing]) -> set[Pair]:
        """Of all pairs of one role and table those that are visible."""
        first = group[0]
        pairs = sorted({pair for viewing in group for pair in viewing.pairs()})
        seeing: set[Pair] = set()
        try:
            for start in range(0, len(pairs), _PAIRS):
                seeing |= await self._visible(first, pairs[start : start + _PAIRS])
        except psycopg.errors.QueryCanceled:
            _log.warning("the policies of %s took too long for %s", first.table, first.role)
            reason = f"The policies of {first.table} took too long: changes may have been missed"
            for subscriber in {each.subscriber for viewing in group for each in viewing.audience}:
                subscriber.push_changes_error(reason)
        except (psycopg.DataError, psycopg.ProgrammingError, UnicodeError) as error:
            _log.warning("changes of %s were not checked: %s", first.table, error)
        return seeing

    async def _visible(self, first: Viewing, pairs: list[Pair]) -> set[Pair]:
        questions = [
            (claims, [key for _, key in found])
            for claims, found in itertools.groupby(pairs, key=itemgetter(0))
        ]
        columns = [first.view.columns[name] for name in first.view.key]
        parameters = {
            "role": first.role,
            "oid": first.change.relation.oid,
            "names": [column.name for column in columns],
            "types": [column.sql_type for column in columns],
            "questions": json.dumps([{"claims": each, "keys": keys} for each, keys in questions]),
        }
        ((answers,),) = await self._database.rows(_VISIBLE, parameters)
        seeing: set[Pair] = set()
        for (claims, keys), answer in zip(questions, answers, strict=True):
            if answer:
                seeing |= {(claims, key) for key, sees in zip(keys, answer, strict=True) if sees}
            elif len(keys) > 1:
                # The policy failed for one of the rows, which must not hide the others.
                for key in keys:
                    seeing |= await self._visible(first, [(claims, key)])
        return seeing
