"""Buckets: created, changed, listed, emptied and deleted with the caller's rights."""

import re
from typing import Annotated, Any, Literal

from aiohttp import web
from psycopg.sql import SQL, Identifier, Placeholder
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from local_stack.storage.bodies import Text, read_json
from local_stack.storage.context import CONTEXT, Context
from local_stack.storage.database import Connection, Row
from local_stack.storage.errors import StorageError, bucket_not_found, invalid, too_large
from local_stack.storage.names import check_allowed_types, check_bucket
from local_stack.storage.rows import shown_value, uuid_or_none

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_FIND = "select * from storage.buckets where id = %s"
_LOCK = _FIND + " for update"
_HAS_OBJECTS = "select exists (select from storage.objects where bucket_id = %s) as filled"
_DELETE = "delete from storage.buckets where id = %s"
_EMPTY = "delete from storage.objects where bucket_id = %s returning version"
_SHOWN = (
    "id", "name", "owner", "public", "created_at", "updated_at", "file_size_limit",
    "allowed_mime_types",
)  # fmt: skip


def _size(value: object) -> object:
    """A size limit as clients write it ("20mb": decimal), in bytes."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(gb|mb|kb|b)", value.lower())
    if match is None:
        raise ValueError("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
    return int(float(match[1]) * _UNITS[match[2]])


class BucketOptions(BaseModel):
    """What can be changed of a bucket."""

    public: bool = False
    file_size_limit: Annotated[int | None, BeforeValidator(_size), Field(ge=0)] = None
    allowed_mime_types: list[Text] | None = None

    def columns(self) -> dict[str, Any]:
        """The options that were given."""
        return self.model_dump(include=set(BucketOptions.model_fields), exclude_unset=True)


class NewBucket(BucketOptions):
    name: Text
    id: Text | None = None
    type: Literal["STANDARD"] = "STANDARD"


class BucketList(BaseModel):
    """The query of a listing."""

    limit: Annotated[int | None, Field(ge=1, le=2**31)] = None
    offset: int = Field(default=0, ge=0, le=2**31)
    sortColumn: Literal["id", "name", "created_at", "updated_at"] = "name"  # noqa: N815
    sortOrder: Literal["asc", "desc"] = "asc"  # noqa: N815
    search: Text = ""


async def find(conn: Connection, bucket: str) -> Row:
    """The row, if the transaction may see it.

    Raises:
        StorageError: 404.
    """
    row = await (await conn.execute(_FIND, (bucket,))).fetchone()
    if row is None:
        raise bucket_not_found()
    return row


async def create(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    caller = context.caller(request)
    bucket = await read_json(request, NewBucket)
    check_bucket(bucket.name)
    check_bucket(bucket.id or bucket.name)
    _check(context, bucket)
    values = bucket.columns() | {
        "id": bucket.id or bucket.name,
        "name": bucket.name,
        "owner": uuid_or_none(caller.subject),
        "owner_id": caller.subject,
    }
    statement = SQL("insert into storage.buckets ({}) values ({})").format(
        SQL(", ").join(map(Identifier, values)), SQL(", ").join([Placeholder()] * len(values))
    )
    async with context.as_caller(request) as conn:
        await conn.execute(statement, list(values.values()))
    return web.json_response({"name": bucket.name})


async def update(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    options = await read_json(request, BucketOptions)
    values = options.columns()
    if not values:
        raise invalid("No content provided")
    _check(context, options)
    changes = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in values)
    statement = SQL("update storage.buckets set {}, updated_at = now() where id = %s")
    async with context.as_caller(request) as conn:
        parameters = [*values.values(), request.match_info["bucket"]]
        changed = await conn.execute(statement.format(changes), parameters)
    if not changed.rowcount:
        raise bucket_not_found()
    return web.json_response({"message": "Successfully updated"})


async def get(request: web.Request) -> web.Response:
    async with request.app[CONTEXT].as_caller(request) as conn:
        row = await find(conn, request.match_info["bucket"])
    return web.json_response({name: shown_value(name, row[name]) for name in _SHOWN})


async def list_all(request: web.Request) -> web.Response:
    try:
        query = BucketList.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid(f"querystring/{error.errors()[0]['loc'][0]} is not valid") from error
    statement = SQL(
        "select * from storage.buckets where strpos(lower(name), lower(%s)) > 0"
        " order by {} {}, id limit %s offset %s"
    ).format(Identifier(query.sortColumn), SQL(query.sortOrder))
    async with request.app[CONTEXT].as_caller(request) as conn:
        parameters = (query.search, query.limit, query.offset)
        found = await (await conn.execute(statement, parameters)).fetchall()
    columns = (*_SHOWN, "type")
    listed = [{name: shown_value(name, row[name]) for name in columns} for row in found]
    return web.json_response(listed)


async def delete(request: web.Request) -> web.Response:
    """Delete a bucket that has no objects, not even ones that the caller cannot see."""
    context, bucket = request.app[CONTEXT], request.match_info["bucket"]
    context.caller(request)
    async with context.as_service(request) as conn:
        if await (await conn.execute(_LOCK, (bucket,))).fetchone() is None:
            raise bucket_not_found()
        filled = await (await conn.execute(_HAS_OBJECTS, (bucket,))).fetchone()
        if filled and filled["filled"]:
            message = "The bucket you tried to delete is not empty"
            raise StorageError(409, "ResourceNotEmpty", message)
    async with context.as_caller(request) as conn:
        deleted = await conn.execute(_DELETE, (bucket,))
    if not deleted.rowcount:
        raise bucket_not_found()
    return web.json_response({"message": "Successfully deleted"})


async def empty(request: web.Request) -> web.Response:
    """Delete all objects that the caller may delete."""
    context, bucket = request.app[CONTEXT], request.match_info["bucket"]
    async with context.as_caller(request) as conn:
        await find(conn, bucket)
        deleted = await (await conn.execute(_EMPTY, (bucket,))).fetchall()
    await context.files.remove(row["version"] for row in deleted)
    message = "Empty bucket has been queued. Completion may take up to an hour."
    return web.json_response({"message": message})


def _check(context: Context, options: BucketOptions) -> None:
    check_allowed_types(options.allowed_mime_types or ())
    if (options.file_size_limit or 0) > context.config.file_size_limit:
        raise too_large()
