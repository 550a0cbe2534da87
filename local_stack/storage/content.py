"""Headers under which content of users is sent: it must never run as a page of this origin."""

import re
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict

from local_stack.storage.database import Row
from local_stack.storage.errors import StorageError
from local_stack.storage.names import essence

_SHOWN_IN_PLACE = re.compile(r"(image|audio|video|font)/.*|text/plain|application/(json|pdf)")
_MARKUP = re.compile(r".*[+/]xml")
_PAGES = {"text/html", "application/xhtml+xml"}
_NO_RIGHTS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def headers(row: Row, download: str | None) -> CIMultiDict[str]:
    """The headers of an object's content; `download` is the file name asked for, "" for none."""
    metadata = row["metadata"] or {}
    found: CIMultiDict[str] = CIMultiDict(_of_type(metadata.get("mimetype")))
    found["Accept-Ranges"] = "bytes"
    if tag := _line(metadata.get("eTag")):
        found["ETag"] = tag
    found["Last-Modified"] = format_datetime(row["updated_at"], usegmt=True)
    found["Cache-Control"] = _line(metadata.get("cacheControl")) or "no-cache"
    found["X-Robots-Tag"] = "none"
    if download == "":
        found["Content-Disposition"] = "attachment;"
    elif download is not None:
        name = quote(download, safe="!*'()")
        found["Content-Disposition"] = f"attachment; filename={name}; filename*=UTF-8''{name}"
    return found


def of_unchanged(found: CIMultiDict[str]) -> CIMultiDict[str]:
    """Those that belong to an answer without content (RFC 9110, 15.4.5)."""
    kept = ("ETag", "Last-Modified", "Cache-Control")
    return CIMultiDict((name, found[name]) for name in kept if name in found)


def _of_type(mimetype: object) -> dict[str, str]:
    """What is not known to be harmless in a tab of its own is saved instead, and runs no script."""
    text = _line(mimetype)
    kind = essence(text)
    safe = {"X-Content-Type-Options": "nosniff"}
    if kind and _SHOWN_IN_PLACE.fullmatch(kind) and not _MARKUP.fullmatch(kind):
        return safe | {"Content-Type": text}
    safe["Content-Security-Policy"] = _NO_RIGHTS
    if kind in _PAGES:
        return safe | {"Content-Type": "text/plain; charset=utf-8"}
    return safe | {
        "Content-Type": text if kind else "application/octet-stream",
        "Content-Disposition": "attachment",
    }


def _line(value: object) -> str:
    """Metadata is read from a table: what does not fit in a header is left out."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def is_known(request: web.Request, found: CIMultiDict[str]) -> bool:
    """Whether the client has this very version (RFC 9110, 13.1)."""
    tags = request.headers.get("If-None-Match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "ETag" in found and not known.isdisjoint({"*", found["ETag"]})
    try:
        since = parsedate_to_datetime(request.headers.get("If-Modified-Since", ""))
        return parsedate_to_datetime(found["Last-Modified"]) <= since
    except (ValueError, TypeError):
        return False


def byte_range(header: str, size: int) -> range:
    """Which bytes a Range header asks for.

    Raises:
        StorageError: 416, none that are there.
    """
    match = _RANGE.fullmatch(header.strip())
    first, last = match.groups() if match else ("", "")
    if first:
        wanted = range(int(first), min(int(last or size), size - 1) + 1)
    else:
        wanted = range(max(size - int(last or 0), 0), size)
    if not wanted:
        message = "invalid range provided"
        raise StorageError(416, "InvalidRange", message, "invalid_range", http=416)
    return wanted
