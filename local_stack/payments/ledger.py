"""The ledger: every Stripe object, idempotency key and webhook attempt, in one SQLite file."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from local_stack.payments.replies import Reply, SavedReply

Document = dict[str, Any]
"""A Stripe object as JSON."""

_SCHEMA = Path(__file__).with_name("schema.sql")
_INSERT = "insert into objects (document) values (?)"
_UPDATE = "update objects set document = ? where id = ?"
_METADATA = "insert into metadata values (?, ?, ?)"
_SCHEDULE = "insert into deliveries (event, due) values (?, ?)"
_PLAN = "insert or replace into plans values (?, ?)"
_PAGE = """
select document from objects
where kind = :kind and sequence < :before and created between :since and :until
order by sequence desc limit :limit
"""
_PAGE_OF_INTENT = """
select document from objects
where payment_intent = :payment_intent and kind = :kind and sequence < :before
  and created between :since and :until
order by sequence desc limit :limit
"""
_BY_METADATA = """
select sequence, document from metadata join objects using (id)
where name = ? and value = ? and sequence < ? order by sequence desc
"""
_BY_KIND = """
select sequence, document from objects where kind = ? and sequence < ? order by sequence desc
"""
_SAVE_REPLY = "insert or replace into idempotency_keys values (?, ?, ?, ?, ?, ?, ?)"
_REPLY = """
select path, parameters, request, status, body from idempotency_keys
where key = ? and created > ?
"""
_DUE = """
select event, attempts, document from deliveries join objects on id = event
where due <= ? order by due, sequence limit ?
"""
_SETTLE = "update deliveries set attempts = ?, due = ?, delivered_at = ? where event = ?"

LAST = 2**62
"""A sequence and a time after all others."""


def encode(value: object) -> str:
    """The JSON of a document."""
    return to_json(value).decode()


class Ledger:
    """All state. Writes are collected until `flush`, which belongs inside `transaction`."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Without `durable` a commit does not wait for the disk."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
        self._db.executescript(_SCHEMA.read_text("utf-8"))
        self._added: dict[str, Document | str] = {}
        self._changed: dict[str, Document] = {}
        self._statements: list[tuple[str, Sequence[object]]] = []
        self.next_plan = self._next_plan()

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on disk when left without an error."""
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        finally:
            if self._db.in_transaction:
                self._db.execute("rollback")

    def flush(self) -> None:
        """Write what was collected: each object once, in its last state."""
        added = [(one if isinstance(one, str) else encode(one),) for one in self._added.values()]
        changed = [(encode(document), name) for name, document in self._changed.items()]
        self._db.executemany(_INSERT, added)
        self._db.executemany(_UPDATE, changed)
        for statement in self._statements:
            self._db.execute(*statement)
        self.discard()

    def discard(self) -> None:
        """Forget what was collected."""
        self._added.clear()
        self._changed.clear()
        self._statements.clear()

    def insert(self, document: Document) -> Document:
        """Add a new object."""
        self._added[document["id"]] = document
        if document["object"] == "payment_intent":
            for name, value in document["metadata"].items():
                self._statements.append((_METADATA, (name, value, document["id"])))
        return document

    def append(self, document: Document) -> None:
        """Add an object as it is now; it never changes."""
        self._added[document["id"]] = encode(document)

    def save(self, document: Document) -> None:
        """Replace an object by its newer state; its metadata stay as inserted."""
        if document["id"] in self._added:
            self._added[document["id"]] = document
        else:
            self._changed[document["id"]] = document

    def get(self, kind: str, identifier: str) -> Document | None:
        document = self._added.get(identifier) or self._changed.get(identifier)
        if isinstance(document, dict):
            return document if document["object"] == kind else None
        row = self._one("select document from objects where id = ? and kind = ?", identifier, kind)
        return from_json(row[0]) if row else None

    def sequence(self, kind: str, identifier: str) -> int | None:
        """The place of an object in the order of creation."""
        row = self._one("select sequence from objects where id = ? and kind = ?", identifier, kind)
        return row[0] if row else None

    def page(
        self,
        kind: str,
        *,
        limit: int = LAST,
        before: int = LAST,
        payment_intent: str | None = None,
        created: tuple[int, int] = (0, LAST),
    ) -> list[Document]:
        """Objects of a kind, newest first; `created` are the first and last second."""
        values = {"kind": kind, "limit": limit, "before": before, "payment_intent": payment_intent}
        values |= {"since": created[0], "until": created[1]}
        sql = _PAGE_OF_INTENT if payment_intent else _PAGE
        return [from_json(row[0]) for row in self._db.execute(sql, values)]

    def intents(
        self, metadata: tuple[str, str] | None, before: int = LAST
    ) -> Iterator[tuple[int, Document]]:
        """Payment intents with their sequence, newest first; only those with that metadata."""
        if metadata:
            rows = self._db.execute(_BY_METADATA, (*metadata, before))
        else:
            rows = self._db.execute(_BY_KIND, ("payment_intent", before))
        return ((sequence, from_json(document)) for sequence, document in rows)

    def balance(self) -> dict[str, int]:
        """Money taken minus money given back, per currency in minor units."""
        sql = "select currency, sum(amount) from balance_transactions group by currency"
        return dict(self._db.execute(sql))

    def save_reply(self, key: str, path: str, parameters: str, reply: Reply, now: float) -> None:
        """Bind an idempotency key to its first answer."""
        row = (key, path, parameters, reply.request, reply.status, reply.body, now)
        self._statements.append((_SAVE_REPLY, row))

    def saved_reply(self, key: str, after: float) -> SavedReply | None:
        """The answer of a key that was first used after that time."""
        row = self._one(_REPLY, key, after)
        return SavedReply(row[0], row[1], Reply(*row[2:])) if row else None

    def forget_replies(self, until: float) -> None:
        """Prune the idempotency keys that were first used at `until` or before."""
        sql = "delete from idempotency_keys where created <= ?"
        self._statements.append((sql, (until,)))

    def schedule(self, event: str, due: float) -> None:
        """Ask for an event to be delivered."""
        self._statements.append((_SCHEDULE, (event, due)))

    def deliveries(self, now: float, limit: int) -> list[tuple[str, int, str]]:
        """The id, attempts so far and document of each event that should be sent now."""
        return self._db.execute(_DUE, (now, limit)).fetchall()

    def next_delivery(self) -> float | None:
        """When the next event is to be sent, if any."""
        row = self._one("select min(due) from deliveries where due is not null")
        return row[0] if row else None

    def settle(
        self, event: str, *, attempts: int, due: float | None, delivered_at: float | None
    ) -> None:
        """Record a delivery attempt; without `due` there will be no other."""
        self._statements.append((_SETTLE, (attempts, due, delivered_at, event)))

    def plan(self, identifier: str, due: float) -> None:
        """Have something happen to an object later."""
        self._statements.append((_PLAN, (identifier, due)))
        self.next_plan = min(self.next_plan, due)

    def take_plans(self, now: float) -> list[Document]:
        """The objects to which something happens now; they are taken off the plan."""
        sql = "select document from plans join objects using (id) where due <= ? order by due"
        documents = [from_json(row[0]) for row in self._db.execute(sql, (now,))]
        self._statements.append(("delete from plans where due <= ?", (now,)))
        self.next_plan = self._next_plan(now)
        return documents

    def _next_plan(self, after: float = -math.inf) -> float:
        row = self._one("select min(due) from plans where due > ?", after)
        return row[0] if row and row[0] is not None else math.inf

    def _one(self, sql: str, *values: object) -> Sequence[Any] | None:
        row: Sequence[Any] | None = self._db.execute(sql, values).fetchone()
        return row
