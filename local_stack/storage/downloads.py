"""Reading objects: their content, whole or in part, and what is known about them."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import BinaryIO

from aiohttp import web
from multidict import CIMultiDict

from local_stack.storage import buckets, content, rows
from local_stack.storage.context import CONTEXT
from local_stack.storage.database import Row
from local_stack.storage.errors import StorageError, bucket_not_found
from local_stack.storage.names import check_key
from local_stack.storage.rows import shown_value

_PIECE = 256 * 1024


async def find_public(request: web.Request) -> Row:
    """The row of an object in a public bucket.

    Raises:
        StorageError: 404.
    """
    async with request.app[CONTEXT].as_service(request) as conn:
        bucket = await buckets.find(conn, request.match_info["bucket"])
        if not bucket["public"]:
            raise bucket_not_found()
        return await rows.find(conn, bucket["id"], request.match_info["key"])


async def find_visible(request: web.Request) -> Row:
    """The row of an object that the caller may read: all of them in a public bucket.

    Raises:
        StorageError: 404; 400 for a key that cannot be.
    """
    context, key = request.app[CONTEXT], request.match_info["key"]
    check_key(key)
    async with context.as_service(request) as conn:
        bucket = await buckets.find(conn, request.match_info["bucket"])
        if bucket["public"]:
            return await rows.find(conn, bucket["id"], key)
    try:
        context.caller(request)
    except StorageError as error:
        raise bucket_not_found() from error
    async with context.as_caller(request) as conn:
        return await rows.find(conn, bucket["id"], key)


async def find_signed(request: web.Request) -> Row:
    """The row of the object that the token in the URL is for.

    Raises:
        StorageError: 400 for the token, 404.
    """
    context = request.app[CONTEXT]
    bucket, key = request.match_info["bucket"], request.match_info["key"]
    context.signatures.verify(request.query.get("token", ""), "download", f"{bucket}/{key}")
    async with context.as_service(request) as conn:
        return await rows.find(conn, bucket, key)


async def get_authenticated(request: web.Request) -> web.StreamResponse:
    """The content, for callers with a valid token only."""
    request.app[CONTEXT].caller(request)
    return await _send(request, find_visible)


async def get_visible(request: web.Request) -> web.StreamResponse:
    return await _send(request, find_visible)


async def get_public(request: web.Request) -> web.StreamResponse:
    return await _send(request, find_public)


async def get_signed(request: web.Request) -> web.StreamResponse:
    return await _send(request, find_signed)


async def info(request: web.Request) -> web.Response:
    return _described(await find_visible(request))


async def info_authenticated(request: web.Request) -> web.Response:
    request.app[CONTEXT].caller(request)
    return _described(await find_visible(request))


async def info_public(request: web.Request) -> web.Response:
    return _described(await find_public(request))


def _described(row: Row) -> web.Response:
    metadata = row["metadata"] or {}
    shown = {name: shown_value(name, row[name]) for name in ("id", "name", "version", "bucket_id")}
    described = shown | {
        "size": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "cache_control": metadata.get("cacheControl"),
        "etag": metadata.get("eTag"),
        "metadata": row["user_metadata"],
        "last_modified": shown_value("updated_at", row["updated_at"]),
        "created_at": shown_value("created_at", row["created_at"]),
    }
    return web.json_response(described)


async def _send(
    request: web.Request, find: Callable[[web.Request], Awaitable[Row]]
) -> web.StreamResponse:
    row = await find(request)
    headers = content.headers(row, request.query.get("download"))
    if content.is_known(request, headers):
        return web.Response(status=304, headers=content.of_unchanged(headers))
    if request.method == "HEAD":
        headers["Content-Length"] = str(int((row["metadata"] or {}).get("size") or 0))
        return web.Response(headers=headers)
    try:
        file = await asyncio.to_thread(request.app[CONTEXT].files.open, row["version"])
    except FileNotFoundError as error:
        again = await find(request)
        if again["version"] != row["version"]:  # replaced in between
            return await _send(request, find)
        message = "The resource was not found"
        raise StorageError(404, "NoSuchKey", message, "Not found") from error
    try:
        return await _stream(request, file, headers)
    finally:
        await asyncio.to_thread(file.close)


async def _stream(
    request: web.Request, file: BinaryIO, headers: CIMultiDict[str]
) -> web.StreamResponse:
    size = os.fstat(file.fileno()).st_size
    wanted = range(size)
    response = web.StreamResponse(headers=headers)
    if "Range" in request.headers:
        wanted = content.byte_range(request.headers["Range"], size)
        response.set_status(206)
        response.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    response.content_length = len(wanted)
    await response.prepare(request)
    for start in range(wanted.start, wanted.stop, _PIECE):
        length = min(_PIECE, wanted.stop - start)
        await response.write(await asyncio.to_thread(os.pread, file.fileno(), length, start))
    await response.write_eof()
    return response
