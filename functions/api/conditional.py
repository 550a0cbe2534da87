"""Answers that a client may have already: entity tags, and 304 for those that still hold."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request, Response


def tag_of(body: bytes) -> str:
    """A strong entity tag: equal for equal bodies."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(request: Request, body: bytes, tag: str, headers: Mapping[str, str]) -> Response:
    """The JSON in `body`, or 304 if the caller has it by this tag."""
    headers = {"ETag": tag, **headers}
    if has(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def has(given: list[str], tag: str) -> bool:
    """Whether If-None-Match names the tag. Weak comparison, as RFC 9110 wants it there."""
    tags = [one.strip().removeprefix("W/") for value in given for one in value.split(",")]
    return tag in tags or tags == ["*"]
