"""Storing objects: first the policies are asked, then the file comes, then the row is written."""

from dataclasses import replace

import psycopg
from aiohttp import web

from local_stack.storage import buckets, rows
from local_stack.storage.bodies import Body, open_body, pour
from local_stack.storage.context import CONTEXT, Context
from local_stack.storage.database import Row
from local_stack.storage.errors import too_large
from local_stack.storage.files import Draft
from local_stack.storage.names import check_key, check_media_type
from local_stack.storage.rows import NewObject


async def create(request: web.Request) -> web.Response:
    """A new object, or with `x-upsert: true` a new version of one."""
    return await _upload(request, upsert=request.headers.get("x-upsert") == "true")


async def update(request: web.Request) -> web.Response:
    """A new version of an object, or a new object."""
    return await _upload(request, upsert=True)


async def create_signed(request: web.Request) -> web.Response:
    """An upload with a token in its URL, which stands for whoever asked for it."""
    context = request.app[CONTEXT]
    path = f"{request.match_info['bucket']}/{request.match_info['key']}"
    claims = context.signatures.verify(request.query.get("token", ""), "upload", path)
    body = await open_body(request)
    new = _new(request, body, claims.get("owner"), upsert=bool(claims.get("upsert")))
    limit = await admit(context, request, new)
    await _receive(context, request, new, body, limit)
    return web.json_response({"Key": path})


async def _upload(request: web.Request, *, upsert: bool) -> web.Response:
    context = request.app[CONTEXT]
    caller = context.caller(request)
    body = await open_body(request)
    new = _new(request, body, caller.subject, upsert=upsert)
    limit = await admit(context, request, new)
    await ask_policies(context, request, new)
    row = await _receive(context, request, new, body, limit)
    return web.json_response({"Id": str(row["id"]), "Key": new.path})


def _new(request: web.Request, body: Body, owner: str | None, *, upsert: bool) -> NewObject:
    return NewObject(
        bucket=request.match_info["bucket"],
        name=request.match_info["key"],
        owner=owner,
        upsert=upsert,
        metadata={"mimetype": body.mimetype, "contentLength": body.declared_size},
        user_metadata=body.user_metadata,
    )


async def admit(context: Context, request: web.Request, new: NewObject) -> int:
    """Check the object against its bucket; gives how many bytes it may have.

    Raises:
        StorageError: 404 no such bucket, 400 bad key, 413 too large, 415 a type not taken.
    """
    async with context.as_service(request) as conn:
        bucket = await buckets.find(conn, new.bucket)
    check_key(new.name)
    check_media_type(new.metadata.get("mimetype") or "", bucket["allowed_mime_types"])
    limit = context.config.file_size_limit
    if bucket["file_size_limit"] is not None:
        limit = min(limit, bucket["file_size_limit"])
    if (new.metadata.get("contentLength") or 0) > limit:
        raise too_large()
    return limit


async def ask_policies(context: Context, request: web.Request, new: NewObject) -> None:
    """Try the write as the caller, and undo it.

    Raises:
        psycopg.Error: they refuse.
    """
    async with context.as_caller(request, trial=True) as conn:
        await rows.probe(conn, new)


async def _receive(
    context: Context, request: web.Request, new: NewObject, body: Body, limit: int
) -> Row:
    async with context.files.draft() as draft:
        await pour(body, draft, limit)
        described = replace(new, user_metadata=body.user_metadata)
        return await publish(context, request, described, draft, body.cache_control)


async def publish(
    context: Context, request: web.Request, new: NewObject, draft: Draft, cache_control: str
) -> Row:
    """Make the draft the content of the object; gives its row.

    Raises:
        psycopg.Error: a trigger refuses, or the object appeared meanwhile and may not be replaced.
    """
    stored = await context.files.keep(draft)
    metadata = rows.metadata(stored, new.metadata["mimetype"], cache_control)
    return await write_row(
        context, request, replace(new, version=stored.version, metadata=metadata)
    )


async def write_row(context: Context, request: web.Request, new: NewObject) -> Row:
    """Commit the row of a file that is on disk, and remove the file that it replaces."""
    try:
        async with context.as_service(request) as conn:
            row, replaced = await rows.put(conn, new)
    except psycopg.OperationalError:
        raise  # perhaps committed: if it was not, the next start removes the file
    except psycopg.Error:
        await context.files.remove([new.version])
        raise
    await context.files.remove([replaced])
    return row
