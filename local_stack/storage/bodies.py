"""Request bodies: small JSON ones checked whole, and files read piece by piece."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import aiohttp
from aiohttp import BodyPartReader, web
from pydantic import AfterValidator, BaseModel, ValidationError

from local_stack.storage.errors import StorageError, invalid, too_large, unsupported_type
from local_stack.storage.files import Draft

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

_IDLE_SECONDS = 60.0
_PIECE = 64 * 1024
_BUFFER = 512 * 1024
_MAX_FIELDS = 10
_MAX_FIELD = 1 << 20
_HEADER_SAFE = re.compile(r"[\t\x20-\x7e]{0,255}")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
"""Text that the database can hold."""


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """The body as `model`.

    Raises:
        StorageError: 400 it is not one, 413 too large, 415 not JSON.
    """
    if request.content_type != "application/json":
        raise StorageError(415, "InvalidMimeType", "Invalid Content-Type header")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = "/".join(map(str, ("body", *first["loc"])))
        raise invalid(f"{where}: {first['msg']}") from error


async def pour(body: "Body", draft: Draft, limit: int) -> None:
    """Write the body's file to the draft, which may hold `limit` bytes; all that came is written.

    Raises:
        StorageError: 413 there are more, 400 or 408 the rest does not come.
    """
    buffer = bytearray()
    try:
        async with aclosing(body.pieces()) as pieces:
            async for piece in pieces:
                if draft.size + len(buffer) + len(piece) > limit:
                    raise too_large()
                buffer += piece
                if len(buffer) >= _BUFFER:
                    full, buffer = buffer, bytearray()
                    await asyncio.to_thread(draft.write, full)
    finally:
        await asyncio.to_thread(draft.write, buffer)


class RawBody:
    """A file that is the whole body, described by headers."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content
        self.mimetype = header_safe(
            request.headers.get("Content-Type") or "application/octet-stream"
        )
        self.cache_control = header_safe(request.headers.get("Cache-Control") or "no-cache")
        self.user_metadata = parse_encoded_metadata(request.headers.get("x-metadata", ""))
        self.declared_size = request.content_length

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        while piece := await _arriving(self._content.readany()):
            yield piece


class FormBody:
    """A file in a `multipart/form-data` body, described by its part and by fields around it."""

    def __init__(self, reader: aiohttp.MultipartReader) -> None:
        self._reader = reader
        self._fields: dict[str, str] = {}
        self._file: BodyPartReader | None = None
        self.declared_size = None

    @classmethod
    async def open(cls, request: web.Request) -> "FormBody":
        """Read up to the file.

        Raises:
            StorageError: 400, there is none.
        """
        try:
            body = cls(await request.multipart())
        except (ValueError, AssertionError) as error:
            raise invalid(f"Invalid multipart body: {error}") from error
        body._file = await body._next_file()
        if body._file is None:
            raise invalid("No content provided")
        return body

    @property
    def mimetype(self) -> str:
        part = self._file.headers.get("Content-Type") if self._file else None
        return header_safe(self._fields.get("contentType") or part or "application/octet-stream")

    @property
    def cache_control(self) -> str:
        seconds = self._fields.get("cacheControl")
        return header_safe(f"max-age={seconds}" if seconds else "no-cache")

    @property
    def user_metadata(self) -> dict[str, Any]:
        text = self._fields.get("metadata") or self._fields.get("userMetadata") or ""
        return parse_metadata(text)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The content; when it ends, the fields after it are known too."""
        while self._file and (piece := await _arriving(self._file.read_chunk(_PIECE))):
            yield bytes(piece)
        if await self._next_file() is not None:
            raise invalid("Only one file can be uploaded at a time")

    async def _next_file(self) -> BodyPartReader | None:
        while part := await _arriving(self._reader.next()):
            if not isinstance(part, BodyPartReader):
                raise invalid("A part of a multipart body must not be multipart itself")
            if part.filename is not None:
                return part
            await self._read_field(part)
        return None

    async def _read_field(self, part: BodyPartReader) -> None:
        text = bytearray()
        while piece := await _arriving(part.read_chunk(_PIECE)):
            text += piece
            if len(text) > _MAX_FIELD:
                raise too_large("form field")
        if len(self._fields) == _MAX_FIELDS:
            raise invalid(f"A form has at most {_MAX_FIELDS} fields")
        self._fields[part.name or ""] = text.decode("utf-8", "replace")


Body = RawBody | FormBody


async def open_body(request: web.Request) -> Body:
    """The file of an upload, not read yet.

    Raises:
        StorageError: 400 no file, 415 a body in some encoding.
    """
    refuse_encoding(request)
    if request.content_type.startswith("multipart/"):
        return await FormBody.open(request)
    return RawBody(request)


def refuse_encoding(request: web.Request) -> None:
    """Refuse a compressed body: it would have to be stored unpacked, at any size.

    Raises:
        StorageError: 415.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise unsupported_type(f"with Content-Encoding {encoding[:40]}")


async def _arriving(piece: Awaitable[T]) -> T:
    """Wait for what the client sends next."""
    try:
        async with asyncio.timeout(_IDLE_SECONDS):
            return await piece
    except TimeoutError as error:
        raise StorageError(408, "Aborted", "The upload stopped", http=408) from error
    except (OSError, aiohttp.ClientError, web.RequestPayloadError) as error:
        raise invalid("The upload was cut off") from error
    except (ValueError, RuntimeError, aiohttp.http.HttpProcessingError) as error:
        raise invalid(f"Invalid request body: {error}") from error


def parse_metadata(text: str) -> dict[str, Any]:
    """User metadata from JSON; what is no object counts as none, as on Supabase."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def parse_encoded_metadata(text: str) -> dict[str, Any]:
    """User metadata from the base64 of the `x-metadata` header."""
    try:
        return parse_metadata(base64.b64decode(text + "===").decode())
    except ValueError:
        return {}


def header_safe(text: str) -> str:
    """Text that will be sent back as a header.

    Raises:
        StorageError: 400.
    """
    if not _HEADER_SAFE.fullmatch(text):
        raise invalid("A content type or cache-control must be one short line of ASCII")
    return text
