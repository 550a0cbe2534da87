"""Ids in paths: what is no id is as unknown as an id that nothing has."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from functions.kit.problems import Problem

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EXAMPLE = "00000000-0000-4000-8000-000000000011"


def missing(noun: str) -> Problem:
    """There is none, or the caller may not know of it: nobody can tell one from the other."""
    return Problem(HTTPStatus.NOT_FOUND, f"{noun}_not_found", f"There is no such {noun}.")


def _reader(noun: str) -> Callable[[str], UUID]:
    def read(
        text: Annotated[
            str, Path(alias=f"{noun}_id", json_schema_extra={"format": "uuid"}, examples=[_EXAMPLE])
        ],
    ) -> UUID:
        if not _ID.fullmatch(text):
            raise missing(noun)
        return UUID(text)

    return read


OrderId = Annotated[UUID, Depends(_reader("order"))]
ProductId = Annotated[UUID, Depends(_reader("product"))]
UserId = Annotated[UUID, Depends(_reader("user"))]
