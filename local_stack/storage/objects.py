"""Moving, copying and removing objects."""

from dataclasses import replace
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from local_stack.storage import rows
from local_stack.storage.bodies import Text, parse_encoded_metadata, read_json
from local_stack.storage.context import CONTEXT
from local_stack.storage.database import Row
from local_stack.storage.errors import denied, object_not_found
from local_stack.storage.rows import NewObject
from local_stack.storage.uploads import admit, ask_policies, write_row

_MOVE = """
update storage.objects set
  bucket_id = %(to_bucket)s,
  name = %(to_key)s,
  owner = coalesce(%(owner)s, owner),
  owner_id = coalesce(%(owner_id)s, owner_id)
where bucket_id = %(bucket)s and name = %(key)s
returning id
"""
_REMOVE = "delete from storage.objects where bucket_id = %s and name = any (%s) returning *"


class Transfer(BaseModel):
    """The body of a move."""

    bucketId: Text  # noqa: N815
    sourceKey: Text  # noqa: N815
    destinationKey: Text  # noqa: N815
    destinationBucket: Text | None = None  # noqa: N815

    @property
    def to_bucket(self) -> str:
        return self.destinationBucket or self.bucketId

    @property
    def to_path(self) -> str:
        return f"{self.to_bucket}/{self.destinationKey}"

    def new_object(self, metadata: Row) -> NewObject:
        """What the destination's bucket is asked to take."""
        return NewObject(
            bucket=self.to_bucket,
            name=self.destinationKey,
            owner=None,
            upsert=False,
            metadata=metadata,
            user_metadata={},
        )


class FileMetadata(BaseModel):
    """What a copy has differently from its source."""

    cacheControl: Text | None = None  # noqa: N815
    mimetype: Text | None = None


class Copy(Transfer):
    """The body of a copy."""

    metadata: FileMetadata = FileMetadata()
    copyMetadata: bool = True  # noqa: N815


class Removal(BaseModel):
    """The body of a removal: whole keys, for all that they are called prefixes."""

    prefixes: Annotated[list[Text], Field(min_length=1, max_length=1000)]


async def move(request: web.Request) -> web.Response:
    """Give an object another key, perhaps in another bucket; its file stays where it is."""
    context = request.app[CONTEXT]
    caller = context.caller(request)
    transfer = await read_json(request, Transfer)
    values = {
        "bucket": transfer.bucketId,
        "key": transfer.sourceKey,
        "to_bucket": transfer.to_bucket,
        "to_key": transfer.destinationKey,
        "owner": rows.uuid_or_none(caller.subject),
        "owner_id": caller.subject,
    }
    async with context.as_caller(request, trial=True) as conn:
        source = await rows.find(conn, transfer.bucketId, transfer.sourceKey)
        if not (await conn.execute(_MOVE, values)).rowcount:
            raise object_not_found()
    await admit(context, request, transfer.new_object(source["metadata"] or {}))
    async with context.as_service(request) as conn:
        moved = await (await conn.execute(_MOVE, values)).fetchone()
    if moved is None:
        raise object_not_found()
    body = {"message": "Successfully moved", "Id": str(moved["id"]), "Key": transfer.destinationKey}
    return web.json_response(body)


async def copy(request: web.Request) -> web.Response:
    """Give the content of an object to another one as well."""
    context = request.app[CONTEXT]
    caller = context.caller(request)
    body = await read_json(request, Copy)
    async with context.as_caller(request) as conn:
        source = await rows.find(conn, body.bucketId, body.sourceKey)
    metadata, user_metadata = _metadata_of_copy(request, body, source)
    new = replace(
        body.new_object(metadata),
        owner=caller.subject,
        upsert=request.headers.get("x-upsert") == "true",
        user_metadata=user_metadata,
    )
    await admit(context, request, new)
    await ask_policies(context, request, new)
    try:
        version = await context.files.copy(source["version"])
    except FileNotFoundError as error:
        raise object_not_found() from error
    row = await write_row(context, request, replace(new, version=version))
    return web.json_response({"Id": str(row["id"]), "Key": body.to_path, **rows.shown(row)})


def _metadata_of_copy(request: web.Request, body: Copy, source: Row) -> tuple[Row, Row]:
    metadata = source["metadata"] or {}
    if body.copyMetadata:
        return metadata, source["user_metadata"] or {}
    changes = body.metadata.model_dump(exclude_none=True)
    return metadata | changes, parse_encoded_metadata(request.headers.get("x-metadata", ""))


async def remove(request: web.Request) -> web.Response:
    """Remove one object."""
    context = request.app[CONTEXT]
    bucket, key = request.match_info["bucket"], request.match_info["key"]
    context.caller(request)
    async with context.as_service(request) as conn:
        await rows.find(conn, bucket, key)
    if not await _remove(request, bucket, [key]):
        raise denied("Access denied")
    return web.json_response({"message": "Successfully deleted"})


async def remove_many(request: web.Request) -> web.Response:
    """Remove those of the objects that the caller may remove; gives their rows."""
    request.app[CONTEXT].caller(request)
    removal = await read_json(request, Removal)
    removed = await _remove(request, request.match_info["bucket"], removal.prefixes)
    return web.json_response([rows.shown(row) for row in removed])


async def _remove(request: web.Request, bucket: str, keys: list[str]) -> list[Row]:
    context = request.app[CONTEXT]
    async with context.as_caller(request) as conn:
        removed = await (await conn.execute(_REMOVE, (bucket, keys))).fetchall()
    await context.files.remove(row["version"] for row in removed)
    return removed
