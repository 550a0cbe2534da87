"""The messages of PostgreSQL's logical decoding plugin `pgoutput`, protocol version 1."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_OLD_KEY, _OLD_ROW = b"K", b"O"

Action = Literal["INSERT", "UPDATE", "DELETE"]
Row = dict[str, str | None]
"""Column name to the value's text form; columns that the stream left out are absent."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it was when its changes were made."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    identity: frozenset[str]
    """The columns of its replica identity."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """The committed transaction that made a change."""

    id: int
    """32 bits, as in `xmin`."""
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One row inserted, updated or deleted by a committed transaction."""

    relation: Relation
    action: Action
    new: Row
    """Empty for DELETE."""
    old: Row
    """The replica identity before the change; empty for INSERT."""
    transaction: Transaction

    @property
    def row(self) -> Row:
        """The row that filters are tested on."""
        return self.old if self.action == "DELETE" else self.new


class Decoder:
    """Turns the messages of one replication stream into changes."""

    def __init__(self) -> None:
        self._relations: dict[int, Relation] = {}
        self._transaction = Transaction(0, _EPOCH)

    def decode(self, message: bytes) -> Change | Relation | Transaction | None:
        """A change, a table whose description is new, a transaction that ends, or None.

        Raises:
            ValueError, struct.error, KeyError: the message does not follow the protocol.
        """
        reader = _Reader(message)
        match reader.byte():
            case b"B":
                self._begin(reader)
            case b"C":
                return self._transaction
            case b"R":
                return self._relation(reader)
            case b"I":
                return self._insert(reader)
            case b"U":
                return self._update(reader)
            case b"D":
                return self._delete(reader)
        return None

    def _begin(self, reader: "_Reader") -> None:
        _final_lsn, microseconds, id_ = reader.take("!qqI")
        self._transaction = Transaction(id_, _EPOCH + timedelta(microseconds=microseconds))

    def _relation(self, reader: "_Reader") -> Relation:
        (oid,) = reader.take("!I")
        schema, name = reader.text(), reader.text()
        _replica_identity, count = reader.take("!bh")
        columns, identity = [], set()
        for _ in range(count):
            (flags,) = reader.take("!b")
            columns.append(reader.text())
            reader.take("!Ii")
            if flags & 1:
                identity.add(columns[-1])
        relation = Relation(oid, schema or "pg_catalog", name, tuple(columns), frozenset(identity))
        self._relations[oid] = relation
        return relation

    def _insert(self, reader: "_Reader") -> Change:
        relation = self._named(reader)
        reader.byte()
        return Change(relation, "INSERT", reader.row(relation), {}, self._transaction)

    def _update(self, reader: "_Reader") -> Change:
        relation = self._named(reader)
        kind = reader.byte()
        old: Row = {}
        if kind in {_OLD_KEY, _OLD_ROW}:
            old = _identity(reader.row(relation), relation, kind)
            reader.byte()
        # A large value that did not change is not in the new row; the old row may have it.
        new = old | reader.row(relation) if kind == _OLD_ROW else reader.row(relation)
        # The old key is sent only if it changed.
        return Change(
            relation, "UPDATE", new, old or _identity(new, relation, _OLD_KEY), self._transaction
        )

    def _delete(self, reader: "_Reader") -> Change:
        relation = self._named(reader)
        kind = reader.byte()
        old = _identity(reader.row(relation), relation, kind)
        return Change(relation, "DELETE", {}, old, self._transaction)

    def _named(self, reader: "_Reader") -> Relation:
        return self._relations[reader.take("!I")[0]]


def _identity(row: Row, relation: Relation, kind: bytes) -> Row:
    """An old row without the nulls that only stand for columns outside the key."""
    if kind == _OLD_ROW:
        return row
    return {name: value for name, value in row.items() if name in relation.identity}


class _Reader:
    """A position in one message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> bytes:
        self._at += 1
        return self._data[self._at - 1 : self._at]

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def text(self) -> str:
        end = self._data.index(0, self._at)
        value = self._data[self._at : end].decode()
        self._at = end + 1
        return value

    def row(self, relation: Relation) -> Row:
        self.take("!h")
        row: Row = {}
        for name in relation.columns:
            kind = self.byte()
            if kind == b"n":
                row[name] = None
            elif kind == b"t":
                (length,) = self.take("!I")
                row[name] = self._data[self._at : self._at + length].decode()
                self._at += length
        return row
