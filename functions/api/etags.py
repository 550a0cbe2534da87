"""Versions as entity tags: who edits says which one they saw."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header

from functions.kit.problems import Problem

_OF_CONTENT = re.compile("-[0-9a-f]{32}$")
"""How the tag of a cached product goes on after the version: by what is shown with it."""


def etag(version: object) -> str:
    """The strong tag of a version."""
    return f'"{version}"'


async def _wanted(
    if_match: Annotated[
        list[str] | None,
        Header(
            alias="If-Match",
            description="The `ETag` of what is edited; `*`: whatever it is now. Without: 428.",
        ),
    ] = None,
) -> list[str] | None:
    if if_match is None:
        detail = "Say by If-Match which version you edit: its ETag."
        raise Problem(HTTPStatus.PRECONDITION_REQUIRED, "precondition_required", detail)
    tags = [tag.strip() for line in if_match for tag in line.split(",")]
    # A weak tag names no version for sure, and so fits none (RFC 9110).
    versions = [tag[1:-1] for tag in tags if tag[:1] == tag[-1:] == '"']
    return None if "*" in tags else [_OF_CONTENT.sub("", version) for version in versions]


Versions = Annotated[list[str] | None, Depends(_wanted)]
"""The versions that may be edited; None: any."""
