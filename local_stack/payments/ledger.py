"""The ledger: every Stripe object, idempotency key and webhook attempt, in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""A Stripe object as JSON."""

_SCHEMA = Path(__file__).with_name("schema.sql")
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
_SAVE_REPLY = "insert into idempotency_keys values (?, ?, ?, ?, ?, ?, ?)"
_REPLY = """
select path, parameters, request, status, body from idempotency_keys
where key = ? and created > ?
"""
_DUE = """
select event, attempts, document from deliveries join objects on id = event
where due <= ? order by sequence limit ?
"""
_SETTLE = "update deliveries set attempts = ?, due = ?, delivered_at = ? where event = ?"

LAST = 2**62
"""A sequence and a time after all others."""


@dataclass(frozen=True)
class Reply:
    """What a request was answered, with the id of the request that was."""

    request: str
    status: int
    body: str


@dataclass(frozen=True)
class SavedReply:
    """The first request of an idempotency key, and its answer."""

    path: str
    parameters: str
    reply: Reply


class Ledger:
    """All state. Commits are synced to disk; writes belong inside `transaction`."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_SCHEMA.read_text("utf-8"))

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

    def insert(self, document: Document) -> Document:
        """Add a new object."""
        self._db.execute("insert into objects (document) values (?)", (json.dumps(document),))
        if document["object"] == "payment_intent":
            rows = [(name, value, document["id"]) for name, value in document["metadata"].items()]
            self._db.executemany("insert into metadata values (?, ?, ?)", rows)
        return document

    def save(self, document: Document) -> None:
        """Replace an object by its newer state; its metadata stay as inserted."""
        text = json.dumps(document)
        self._db.execute("update objects set document = ? where id = ?", (text, document["id"]))

    def get(self, kind: str, identifier: str) -> Document | None:
        row = self._one("select document from objects where id = ? and kind = ?", identifier, kind)
        return json.loads(row[0]) if row else None

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
        return [json.loads(row[0]) for row in self._db.execute(sql, values)]

    def intents(
        self, metadata: tuple[str, str] | None, before: int
    ) -> Iterator[tuple[int, Document]]:
        """Payment intents with their sequence, newest first; only those with that metadata."""
        if metadata:
            rows = self._db.execute(_BY_METADATA, (*metadata, before))
        else:
            rows = self._db.execute(_BY_KIND, ("payment_intent", before))
        return ((sequence, json.loads(document)) for sequence, document in rows)

    def balance(self) -> dict[str, int]:
        """Money taken minus money given back, per currency in minor units."""
        sql = "select currency, sum(amount) from balance_transactions group by currency"
        return dict(self._db.execute(sql))

    def save_reply(self, key: str, path: str, parameters: str, reply: Reply, now: float) -> None:
        """Bind an idempotency key to its first answer."""
        row = (key, path, parameters, reply.request, reply.status, reply.body, now)
        self._db.execute(_SAVE_REPLY, row)

    def saved_reply(self, key: str, after: float) -> SavedReply | None:
        """The answer of a key that was first used after that time."""
        row = self._one(_REPLY, key, after)
        return SavedReply(row[0], row[1], Reply(*row[2:])) if row else None

    def forget_replies(self, until: float) -> None:
        """Prune the idempotency keys that were first used at `until` or before."""
        self._db.execute("delete from idempotency_keys where created <= ?", (until,))

    def schedule(self, event: str, due: float) -> None:
        """Ask for an event to be delivered."""
        self._db.execute("insert into deliveries (event, due) values (?, ?)", (event, due))

    def due(self, now: float, limit: int) -> list[tuple[str, int, str]]:
        """The id, attempts so far and document of each event that should be sent now."""
        return self._db.execute(_DUE, (now, limit)).fetchall()

    def settle(
        self, event: str, *, attempts: int, due: float | None, delivered_at: float | None
    ) -> None:
        """Record a delivery attempt; without `due` there will be no other."""
        self._db.execute(_SETTLE, (attempts, due, delivered_at, event))

    def _one(self, sql: str, *values: object) -> Sequence[Any] | None:
        row: Sequence[Any] | None = self._db.execute(sql, values).fetchone()
        return row
