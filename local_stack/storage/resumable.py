"""Resumable uploads: TUS 1.0.0 with creation, creation-with-upload, termination, expiration."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import psycopg
from aiohttp import web

from local_stack.storage.bodies import RawBody, header_safe, parse_metadata, pour, refuse_encoding
from local_stack.storage.context import CONTEXT, Context
from local_stack.storage.errors import StorageError, denied, invalid, of_database, too_large
from local_stack.storage.rows import NewObject
from local_stack.storage.upload_states import LIFETIME, UploadState
from local_stack.storage.uploads import admit, ask_policies, publish

Handler = Callable[[web.Request], Awaitable[web.Response]]

_VERSION = "1.0.0"
_CONTENT_TYPE = "application/offset+octet-stream"
_EXPOSING = "Access-Control-Expose-Headers"
_EXPOSED = (
    "tus-resumable, tus-version, tus-extension, tus-max-size, "
    "upload-offset, upload-length, upload-expires"
)
_REQUIRED = ("bucketName", "objectName")


def speaks_tus(handler: Handler) -> Handler:
    """Check the protocol's version; answer refusals with their true status."""

    async def speaking(request: web.Request) -> web.Response:
        try:
            response = await _checked(handler, request)
        except StorageError as error:
            response = _refusal(error)
        except psycopg.Error as error:
            response = _refusal(of_database(error))
        response.headers["Tus-Resumable"] = _VERSION
        return response

    return speaking


def _refusal(error: StorageError) -> web.Response:
    return web.Response(status=error.status, text=error.message)


async def _checked(handler: Handler, request: web.Request) -> web.Response:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != _VERSION:
        headers = {"Tus-Version": _VERSION}
        return web.Response(status=412, text="Tus-Resumable must be 1.0.0", headers=headers)
    return await handler(request)


async def expose_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Name the protocol's headers where the gateway names those that scripts of a page may read."""
    if "Tus-Resumable" in response.headers and (named := response.headers.get(_EXPOSING)):
        response.headers[_EXPOSING] = f"{named}, {_EXPOSED}"


async def options(request: web.Request) -> web.Response:
    """What this server can."""
    limit = request.app[CONTEXT].config.file_size_limit
    headers = {
        "Tus-Version": _VERSION,
        "Tus-Extension": "creation,creation-with-upload,termination,expiration",
        "Tus-Max-Size": str(limit),
    }
    return web.Response(status=204, headers=headers)


async def create(request: web.Request) -> web.Response:
    """Announce a file; its first bytes may come along."""
    context = request.app[CONTEXT]
    state = _announced(request)
    new = state.new_object()
    signed = _is_signed(request)
    state.owner, state.upsert = _rights(context, request, new)
    await admit(context, request, new)
    if not signed:
        await ask_policies(context, request, state.new_object())
    upload = await asyncio.to_thread(context.uploads.create, state)
    headers = {"Location": f"{request.rel_url.raw_path.rstrip('/')}/{upload}"}
    if request.content_type == _CONTENT_TYPE or not state.length:
        headers |= await _receive(context, request, upload, state)
    return web.Response(status=201, headers=headers | _expiry(state))


async def head(request: web.Request) -> web.Response:
    """How much of the file is here."""
    _, state, offset = await _load(request)
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(state.length)}
    return web.Response(headers=headers | _expiry(state) | {"Cache-Control": "no-store"})


async def patch(request: web.Request) -> web.Response:
    """More of the file; with its last byte it becomes the object's content."""
    context = request.app[CONTEXT]
    if request.content_type != _CONTENT_TYPE:
        raise StorageError(415, "InvalidRequest", f"Content-Type must be {_CONTENT_TYPE}")
    announced = _number(request, "Upload-Offset")
    upload, state, offset = await _load(request)
    if not _is_signed(request):
        await ask_policies(context, request, state.new_object())
    with context.uploads.locked(upload):
        _, offset = await asyncio.to_thread(context.uploads.load, upload)
        if announced != offset:
            raise StorageError(409, "InvalidRequest", f"Upload-Offset conflicts: {offset} is next")
        headers = await _receive(context, request, upload, state)
    return web.Response(status=204, headers=headers | _expiry(state))


async def delete(request: web.Request) -> web.Response:
    """Give the upload up."""
    context = request.app[CONTEXT]
    upload, state, _ = await _load(request)
    if state.finished:
        raise invalid("A finished upload is an object: remove that")
    with context.uploads.locked(upload):
        await asyncio.to_thread(context.uploads.remove, upload)
    return web.Response(status=204)


def _announced(request: web.Request) -> UploadState:
    """What the headers of a creation say."""
    fields = _upload_metadata(request.headers.get("Upload-Metadata", ""))
    if missing := [name for name in _REQUIRED if not fields.get(name)]:
        raise invalid(f"Upload-Metadata must hold {' and '.join(missing)}")
    seconds = fields.get("cacheControl", "")
    return UploadState(
        bucket=fields["bucketName"],
        key=fields["objectName"],
        owner=None,
        upsert=request.headers.get("x-upsert") == "true",
        length=_number(request, "Upload-Length"),
        mimetype=header_safe(fields.get("contentType") or "application/octet-stream"),
        cache_control=f"max-age={int(seconds)}"
        if seconds.isascii() and seconds.isdigit()
        else "no-cache",
        user_metadata=parse_metadata(fields.get("metadata", "")),
        expires=time.time() + LIFETIME,
    )


def _upload_metadata(header: str) -> dict[str, str]:
    """`key base64` pairs; a key without a value has the empty one."""
    fields = {}
    for pair in filter(None, header.split(",")):
        name, _, value = pair.strip().partition(" ")
        try:
            fields[name] = base64.b64decode(value, validate=True).decode()
        except ValueError as error:
            raise invalid("Invalid Upload-Metadata header") from error
    return fields


def _rights(context: Context, request: web.Request, new: NewObject) -> tuple[str | None, bool]:
    """Who owns the upload, and whether it may replace an object."""
    if not _is_signed(request):
        return context.caller(request).subject, new.upsert
    signature = request.headers.get("x-signature", "")
    claims = context.signatures.verify(signature, "upload", new.path)
    return claims.get("owner"), bool(claims.get("upsert"))


def _is_signed(request: web.Request) -> bool:
    """Whether a signature takes the place of the caller's token."""
    return "/upload/resumable/sign" in request.rel_url.raw_path


async def _load(request: web.Request) -> tuple[str, UploadState, int]:
    """The upload of the URL, for its owner only."""
    context, upload = request.app[CONTEXT], request.match_info["upload"]
    caller = None if _is_signed(request) else context.caller(request)
    state, offset = await asyncio.to_thread(context.uploads.load, upload)
    if caller is None:
        _rights(context, request, state.new_object())
    elif caller.subject != state.owner:
        raise denied("The upload belongs to another user")
    return upload, state, offset


async def _receive(
    context: Context, request: web.Request, upload: str, state: UploadState
) -> dict[str, str]:
    refuse_encoding(request)
    draft = await asyncio.to_thread(context.uploads.open, upload)
    try:
        await pour(RawBody(request), draft, state.length)
        if draft.size == state.length:
            await publish(context, request, state.new_object(), draft, state.cache_control)
            finished = state.model_copy(update={"finished": True})
            await asyncio.to_thread(context.uploads.save, upload, finished)
    finally:
        await asyncio.to_thread(draft.close)
    return {"Upload-Offset": str(draft.size)}


def _number(request: web.Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"{name} must be a number")
    if len(text) > 18:
        raise too_large()
    return int(text)


def _expiry(state: UploadState) -> dict[str, str]:
    return {} if state.finished else {"Upload-Expires": formatdate(state.expires, usegmt=True)}
