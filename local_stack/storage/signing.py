"""Handing out URLs that carry their own right."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from local_stack.storage import rows
from local_stack.storage.bodies import Text, parse_encoded_metadata, read_json
from local_stack.storage.context import CONTEXT
from local_stack.storage.names import check_key
from local_stack.storage.rows import NewObject
from local_stack.storage.uploads import ask_policies

_CENTURY = 100 * 366 * 24 * 3600
_UPLOAD_SECONDS = 2 * 3600
_VISIBLE = "select name from storage.objects where bucket_id = %s and name = any (%s)"


class Expiry(BaseModel):
    """For how long, in seconds."""

    expiresIn: Annotated[int, Field(ge=1, le=_CENTURY)]  # noqa: N815


class ManyPaths(Expiry):
    paths: Annotated[list[Text], Field(min_length=1, max_length=1000)]


async def sign_download(request: web.Request) -> web.Response:
    """A URL that reads an object which the caller can read."""
    context = request.app[CONTEXT]
    context.caller(request)
    expiry = await read_json(request, Expiry)
    bucket, key = request.match_info["bucket"], request.match_info["key"]
    async with context.as_caller(request) as conn:
        await rows.find(conn, bucket, key)
    token = context.signatures.sign("download", f"{bucket}/{key}", expiry.expiresIn)
    return web.json_response({"signedURL": f"/object/sign/{bucket}/{key}?token={token}"})


async def sign_downloads(request: web.Request) -> web.Response:
    """The same for many objects; each has its own error."""
    context = request.app[CONTEXT]
    context.caller(request)
    wanted = await read_json(request, ManyPaths)
    bucket = request.match_info["bucket"]
    async with context.as_caller(request) as conn:
        found = await (await conn.execute(_VISIBLE, (bucket, wanted.paths))).fetchall()
    visible = {row["name"] for row in found}

    def signed(key: str) -> dict[str, str | None]:
        if key not in visible:
            message = "Either the object does not exist or you do not have access to it"
            return {"error": message, "path": key, "signedURL": None}
        token = context.signatures.sign("download", f"{bucket}/{key}", wanted.expiresIn)
        url = f"/object/sign/{bucket}/{key}?token={token}"
        return {"error": None, "path": key, "signedURL": url}

    return web.json_response([signed(key) for key in wanted.paths])


async def sign_upload(request: web.Request) -> web.Response:
    """A URL that stores one object which the caller could store."""
    context = request.app[CONTEXT]
    caller = context.caller(request)
    new = NewObject(
        bucket=request.match_info["bucket"],
        name=request.match_info["key"],
        owner=caller.subject,
        upsert=request.headers.get("x-upsert") == "true",
        metadata={"mimetype": request.headers.get("Content-Type"), "contentLength": None},
        user_metadata=parse_encoded_metadata(request.headers.get("x-metadata", "")),
    )
    check_key(new.name)
    await ask_policies(context, request, new)
    token = context.signatures.sign(
        "upload", new.path, _UPLOAD_SECONDS, owner=caller.subject, upsert=new.upsert
    )
    url = f"/object/upload/sign/{new.path}?token={token}"
    return web.json_response({"url": url, "token": token})
