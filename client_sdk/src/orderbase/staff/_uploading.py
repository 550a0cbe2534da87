"""Files to upload: what Storage would refuse is refused before it is sent."""

import asyncio
import base64
import json
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import quote
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._call import Call
from orderbase.errors import InvalidRequest, NotFound
from orderbase.models.base import DEFERRED

Content: TypeAlias = bytes | Path
"""The content of a file, or where it is."""

BUCKET = "product-uploads"
MOST_BYTES = 20 * 1024 * 1024
# A slow line; whoever waits can always stop.
_BYTES_PER_SECOND = 64 * 1024
_REMOVED = TypeAdapter(list[JsonValue], config=DEFERRED)
# Clients and servers would take them out of a path: the file would be called otherwise.
_NO_STEPS = frozenset({"", ".", ".."})
_TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


async def content_of(content: Content) -> bytes:
    """The bytes.

    Raises:
        InvalidRequest: "too_large".
        OSError: the file cannot be read.
    """
    if isinstance(content, Path):
        _check_size((await asyncio.to_thread(content.stat)).st_size)
        content = await asyncio.to_thread(content.read_bytes)
    _check_size(len(content))
    return content


def name_of(content: Content, name: str | None) -> str:
    """What the file is to be called.

    Raises:
        InvalidRequest: "invalid_name": it has none.
    """
    name = content.name if name is None and isinstance(content, Path) else name
    if not name or not _NO_STEPS.isdisjoint(name.split("/")):
        raise InvalidRequest("The file needs a name.", code="invalid_name")
    return name


def upload_file(
    product_id: UUID, name: str, content: bytes, alt: str, *, replace: bool
) -> Call[None]:
    """Put a file into the product's folder. It may be repeated if it replaces what is there.

    Raises:
        InvalidRequest: "unsupported_type".
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _TYPES:
        message = f"A picture's name ends in {', '.join(_TYPES)}."
        raise InvalidRequest(message, code="unsupported_type")
    metadata = base64.b64encode(json.dumps({"alt": alt}).encode()).decode()
    headers = {
        "content-type": _TYPES[suffix],
        "x-metadata": metadata,
        "x-upsert": str(replace).lower(),
    }
    return Call(
        "POST",
        f"/storage/v1/object/{BUCKET}/{product_id}/{quote(name)}",
        lambda _: None,
        content,
        repeatable=replace,
        headers=headers,
        takes=len(content) / _BYTES_PER_SECOND,
    )


def remove_file(name: str) -> Call[None]:
    """Remove a file. Storage answers those that it has removed."""

    def parse(content: bytes) -> None:
        if not _REMOVED.validate_json(content):
            raise NotFound("There is no such upload.", status=404, code="upload_not_found")

    body: dict[str, JsonValue] = {"prefixes": [name]}
    return Call("DELETE", f"/storage/v1/object/{BUCKET}", parse, body, repeatable=False)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise InvalidRequest("A picture has at most 20 MiB.", code="too_large")
