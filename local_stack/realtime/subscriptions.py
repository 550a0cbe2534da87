"""Who wants to hear of which changes, indexed so that a change meets only those it may concern."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from local_stack.realtime.credentials import Credentials
from local_stack.realtime.filters import Condition
from local_stack.realtime.pgoutput import Change, Row

ANY = "*"


class Subscriber(Protocol):
    """Who hears of changes: a joined channel."""

    @property
    def credentials(self) -> Credentials:
        """Whose eyes decide what is visible."""

    def push_change(self, ids: Sequence[int], data: str) -> None:
        """Send a change, given as JSON, that matched these subscriptions."""

    def push_changes_error(self, message: str) -> None:
        """Say that changes have been missed."""


@dataclass(frozen=True, slots=True)
class TypedCondition:
    """A condition whose values are canonical for the column's type."""

    condition: Condition
    sql_type: str
    exact: bool
    """Whether equality of texts decides an equality."""

    @property
    def is_indexed(self) -> bool:
        return self.exact and self.condition.is_equality

    def equals(self, row: Row) -> bool:
        """Decide an indexed condition."""
        return row.get(self.condition.column) in self.condition.wanted

    def question(self, actual: str | None) -> dict[str, object]:
        """What `realtime.filters_hold` needs to know."""
        return {
            "operator": self.condition.operator,
            "negated": self.condition.negated,
            "type": self.sql_type,
            "actual": actual,
            "wanted": self.condition.wanted,
        }


@dataclass(frozen=True, eq=False, slots=True)
class Subscription:
    """One entry of a channel's `postgres_changes`."""

    id: int
    subscriber: Subscriber
    schema: str
    table: str
    event: str
    conditions: tuple[TypedCondition, ...] = ()
    select: frozenset[str] | None = None

    def wants(self, change: Change) -> bool:
        """Whether event and all indexed conditions match; the others are for PostgreSQL."""
        return self.event in {ANY, change.action} and all(
            typed.equals(change.row) for typed in self.conditions if typed.is_indexed
        )

    @property
    def others(self) -> tuple[TypedCondition, ...]:
        """The conditions that only PostgreSQL can decide."""
        return tuple(typed for typed in self.conditions if not typed.is_indexed)


class _Bucket:
    """The subscriptions to one table name."""

    def __init__(self) -> None:
        self._all: set[Subscription] = set()
        self._by_value: dict[str, dict[str, set[Subscription]]] = {}

    def add(self, subscription: Subscription) -> None:
        key = _key(subscription)
        if key is None:
            self._all.add(subscription)
            return
        values = self._by_value.setdefault(key.column, {})
        for value in key.wanted:
            values.setdefault(value, set()).add(subscription)

    def remove(self, subscription: Subscription) -> None:
        key = _key(subscription)
        if key is None:
            self._all.discard(subscription)
            return
        values = self._by_value[key.column]
        for value in set(key.wanted):
            values[value].discard(subscription)
            if not values[value]:
                del values[value]

    def candidates(self, row: Row) -> Iterator[Subscription]:
        yield from self._all
        for column, values in self._by_value.items():
            value = row.get(column)
            if value is not None:
                yield from values.get(value, ())


def _key(subscription: Subscription) -> Condition | None:
    """The equality under which a subscription is filed."""
    return next((typed.condition for typed in subscription.conditions if typed.is_indexed), None)


class SubscriptionIndex:
    """All subscriptions of one server."""

    def __init__(self) -> None:
        self._buckets: defaultdict[tuple[str, str], _Bucket] = defaultdict(_Bucket)
        self._of: dict[Subscriber, list[Subscription]] = {}

    def replace(self, subscriber: Subscriber, subscriptions: list[Subscription]) -> None:
        """Give the subscriber these subscriptions and no others."""
        self.remove(subscriber)
        self._of[subscriber] = subscriptions
        for subscription in subscriptions:
            self._buckets[subscription.schema, subscription.table].add(subscription)

    def remove(self, subscriber: Subscriber) -> None:
        for subscription in self._of.pop(subscriber, []):
            self._buckets[subscription.schema, subscription.table].remove(subscription)

    def matches(self, change: Change) -> list[Subscription]:
        """Whom the change may concern, by table, event and exact equalities."""
        schema, table = change.relation.schema, change.relation.name
        return [
            subscription
            for name in ((schema, table), (schema, ANY), (ANY, table), (ANY, ANY))
            if name in self._buckets
            for subscription in self._buckets[name].candidates(change.row)
            if subscription.wants(change)
        ]
