"""Request bodies: JSON of a bounded size and depth, known before any of it is parsed."""

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from functions.api.callers import admit
from functions.kit.problems import Problem

MOST_BYTES = 64_000
MOST_DEPTH = 64
# A text, which may hold anything, or a bracket. The last text may lack its end.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class ApiRoute(APIRoute):
    """A route that lets its caller in, and then reads the body, no further than it must."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, behind ours."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def read_and_handle(request: Request) -> Response:
            await admit(request)
            # What no route asks for, nobody reads.
            body = await _read(request) if takes_body else b""

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, receive))

        return read_and_handle


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if kind != "application/json" or coding != "identity":
        detail = "Send the body as application/json, not compressed."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)


async def _read(request: Request) -> bytes:
    _require_json(request)
    body = bytearray()
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise _too_large()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise _too_large()
    if _is_deep(body):
        detail = f"A body nests at most {MOST_DEPTH} levels deep."
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed_json", detail)
    return bytes(body)


def _is_deep(body: bytearray) -> bool:
    """Parsers recurse, and how far they can depends on who calls them."""
    depth = 0
    for found in _BRACKETS.finditer(body):
        if (character := found[0]) in b"[{":
            depth += 1
            if depth > MOST_DEPTH:
                return True
        elif character in b"]}":
            depth -= 1
    return False


def _too_large() -> Problem:
    detail = f"A body has at most {MOST_BYTES} bytes."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
