"""Events of S3: a file has come, changed or gone."""

import asyncio
from urllib.parse import unquote_plus

from functions.aws.source import Event
from functions.kit.database import Database

_COME = "ObjectCreated:"
_GONE = ("ObjectRemoved:", "LifecycleExpiration:")
_BEFORE_NAME = "--"
"""S3's names are unique in the world: "myshop--product-uploads" is the bucket "product-uploads"."""


async def note(database: Database, event: Event) -> None:
    """Have each file looked at; what is there then counts, so neither order nor repetition matters.

    Raises:
        DatabaseError: Lambda tries again.
    """
    calls = (
        database.call("note_object", _file_of(record))
        for record in event.get("Records", ())  # S3's test of a configuration has none
        if record["eventName"].startswith((_COME, *_GONE))
    )
    await asyncio.gather(*calls)


def _file_of(record: Event) -> dict[str, object]:
    file = record["s3"]
    return {
        "bucket": file["bucket"]["name"].rpartition(_BEFORE_NAME)[2],
        "name": unquote_plus(file["object"]["key"]),  # as in a form: "+" is a space
        "removed": record["eventName"].startswith(_GONE),
    }
