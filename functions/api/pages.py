"""Lists in pages. A cursor is the place where a page ended, signed, for the same list only."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request

from functions.api.clients import Clients
from functions.api.models import Page
from functions.kit.problems import Problem

T = TypeVar("T")
Place = list[Any]

_PAGING = ("limit", "cursor")
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Paging:
    """Which page is asked for."""

    limit: int
    after: Place | None
    """Where the page before ended."""
    _scope: str
    _secret: bytes

    @property
    def wanted(self) -> int:
        """Rows to read: one more than is shown, to know whether there are more."""
        return self.limit + 1

    def page(self, found: Sequence[T], place_of: Callable[[T], Place]) -> Page[T]:
        """The page of what was found, of which there is one too many if there are more pages."""
        shown = list(found[: self.limit])
        more = len(found) > self.limit
        cursor = _write(self._secret, self._scope, place_of(shown[-1])) if more else None
        return Page[T](data=shown, next_cursor=cursor)


async def _paging(
    request: Request,
    api: Clients,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="`nextCursor` of the page before.")
    ] = None,
) -> Paging:
    filters = sorted(item for item in request.query_params.multi_items() if item[0] not in _PAGING)
    scope = json.dumps([request.url.path, filters])
    secret = api.settings.supabase_secret_key.get_secret_value().encode()
    after = _read(secret, scope, cursor) if cursor is not None else None
    return Paging(limit, after, scope, secret)


Wanted = Annotated[Paging, Depends(_paging)]


def _write(secret: bytes, scope: str, place: Place) -> str:
    body = json.dumps(place).encode()
    return base64.urlsafe_b64encode(_sign(secret, scope, body) + body).decode().rstrip("=")


def _read(secret: bytes, scope: str, cursor: str) -> Place:
    try:
        both = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        both = b""
    digest, body = both[:_DIGEST_BYTES], both[_DIGEST_BYTES:]
    if not hmac.compare_digest(digest, _sign(secret, scope, body)):
        detail = "This cursor does not continue this list."
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_cursor", detail)
    place: Place = json.loads(body)
    return place


def _sign(secret: bytes, scope: str, body: bytes) -> bytes:
    message = b"\0".join((b"cursor", scope.encode("utf-8", "surrogatepass"), body))
    return hmac.digest(secret, message, hashlib.sha256)[:_DIGEST_BYTES]
