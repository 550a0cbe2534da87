"""The rows of `storage.objects`, and the forms in which clients see them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from local_stack.storage.database import Connection, Row
from local_stack.storage.errors import object_not_found
from local_stack.storage.files import Stored

_FIND = "select * from storage.objects where bucket_id = %s and name = %s"
_LOCK = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"
_INSERT = """
insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
values (
  %(bucket)s, %(name)s, %(owner)s, %(owner_id)s, %(version)s, %(metadata)s, %(user_metadata)s
)
"""
_REPLACE = """
on conflict (bucket_id, name) do update set
  owner = coalesce(excluded.owner, objects.owner),
  owner_id = coalesce(excluded.owner_id, objects.owner_id),
  version = excluded.version,
  metadata = excluded.metadata,
  user_metadata = excluded.user_metadata
"""
_SHOWN = (
    "id", "name", "bucket_id", "owner", "owner_id", "version", "created_at", "updated_at",
    "last_accessed_at", "metadata", "user_metadata",
)  # fmt: skip
_TEXTS = {"owner", "owner_id", "version"}


@dataclass(frozen=True)
class NewObject:
    """What is to become a row."""

    bucket: str
    name: str
    owner: str | None
    """The subject of the caller's token."""
    upsert: bool
    metadata: dict[str, Any]
    user_metadata: dict[str, Any]
    version: str = "1"

    @property
    def path(self) -> str:
        return f"{self.bucket}/{self.name}"

    def values(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "name": self.name,
            "owner": uuid_or_none(self.owner),
            "owner_id": self.owner,
            "version": self.version,
            "metadata": Jsonb(self.metadata),
            "user_metadata": Jsonb(self.user_metadata),
        }


async def find(conn: Connection, bucket: str, name: str) -> Row:
    """The row, if the transaction may see it.

    Raises:
        StorageError: 404.
    """
    row = await (await conn.execute(_FIND, (bucket, name))).fetchone()
    if row is None:
        raise object_not_found()
    return row


async def probe(conn: Connection, new: NewObject) -> None:
    """Ask the policies: to be called in a trial, since it writes.

    Raises:
        psycopg.Error: they refuse, or the object is there and may not be replaced.
    """
    # Without RETURNING, which would ask for the right to read as well.
    await conn.execute(_INSERT + _REPLACE if new.upsert else _INSERT, new.values())


async def put(conn: Connection, new: NewObject) -> tuple[Row, str | None]:
    """Write the row; gives it, and the version that it replaces.

    Raises:
        psycopg.Error: a trigger refuses, or the object is there and may not be replaced.
    """
    await conn.execute(_LOCK, (new.path,))
    old = await (await conn.execute(_FIND, (new.bucket, new.name))).fetchone()
    statement = (_INSERT + _REPLACE if new.upsert else _INSERT) + " returning *"
    row = await (await conn.execute(statement, new.values())).fetchone()
    assert row is not None  # noqa: S101 - an insert that neither fails nor returns does not exist
    return row, old["version"] if old else None


def metadata(stored: Stored, mimetype: str, cache_control: str) -> dict[str, Any]:
    """What Storage itself notes of an object's content."""
    return {
        "eTag": f'"{stored.md5}"',
        "size": stored.size,
        "mimetype": mimetype,
        "cacheControl": cache_control,
        "lastModified": timestamp(datetime.now(UTC)),
        "contentLength": stored.size,
        "httpStatusCode": 200,
    }


def shown(row: Row) -> Row:
    """A row as clients see it: without internal columns, ids and owners as text."""
    return {name: shown_value(name, row[name]) for name in _SHOWN}


def shown_value(name: str, value: Any) -> Any:  # noqa: ANN401 - any column's
    """One column as JSON has it."""
    if value is None and name in _TEXTS:
        return ""
    if isinstance(value, datetime):
        return timestamp(value)
    return str(value) if isinstance(value, UUID) else value


def timestamp(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as JavaScript writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid_or_none(text: str | None) -> UUID | None:
    """The text, if it is a UUID: other identity providers have other subjects."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
