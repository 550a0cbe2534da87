"""Listing the objects of a bucket: one level of folders, or pages of keys."""

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from local_stack.storage.bodies import Text, read_json
from local_stack.storage.context import CONTEXT
from local_stack.storage.database import Row
from local_stack.storage.errors import StorageError
from local_stack.storage.rows import shown_value

_SEARCH = """
select name, id, updated_at, created_at, last_accessed_at, metadata
from storage.search(
  %(prefix)s, %(bucket)s, %(limit)s, %(levels)s, %(offset)s, %(search)s, %(column)s, %(order)s
)
"""
_PAGE = """
select key, name, id, updated_at, created_at, last_accessed_at, metadata
from storage.list_page(
  %(bucket)s, %(prefix)s, %(delimited)s, %(limit)s, %(after)s, %(column)s, %(order)s, %(time)s
)
"""
_MAX = 1000

Limit = Annotated[int, Field(ge=1, le=2**31 - 1)]
Order = Literal["asc", "desc"]


class SortBy(BaseModel):
    column: Literal["name", "updated_at", "created_at", "last_accessed_at"] = "name"
    order: Order = "asc"


class Search(BaseModel):
    """The body of a listing."""

    prefix: Text
    limit: Limit = 100
    offset: int = Field(default=0, ge=0, le=2**31 - 1)
    sortBy: SortBy = SortBy()  # noqa: N815
    search: Text = ""


class PageSortBy(BaseModel):
    column: Literal["name", "updated_at", "created_at"] = "name"
    order: Order = "asc"


class PageRequest(BaseModel):
    """The body of a listing by pages."""

    prefix: Text = ""
    limit: Limit = _MAX
    cursor: Text = ""
    with_delimiter: bool = False
    sortBy: PageSortBy = PageSortBy()  # noqa: N815


class Cursor(BaseModel):
    """Where the next page starts, and how it is sorted."""

    after: Text
    sort: PageSortBy
    time: datetime | None = None

    def encoded(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor of an earlier page.

        Raises:
            StorageError: 400.
        """
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(text))
        except (ValueError, ValidationError) as error:
            message = "Invalid Parameter continuation token"
            raise StorageError(400, "InvalidParameter", message) from error


async def search(request: web.Request) -> web.Response:
    """One level below a prefix; folders come as rows without an id."""
    body = await read_json(request, Search)
    prefix = f"{body.prefix.rstrip('/')}/" if body.prefix.rstrip("/") else ""
    values = {
        "bucket": request.match_info["bucket"],
        "prefix": prefix,
        "limit": body.limit,
        "levels": (prefix + body.search).count("/") + 1,
        "offset": body.offset,
        "search": body.search,
        **body.sortBy.model_dump(),
    }
    async with request.app[CONTEXT].as_caller(request) as conn:
        found = await (await conn.execute(_SEARCH, values)).fetchall()
    return web.json_response([_shown(row) for row in found])


async def page(request: web.Request) -> web.Response:
    """Keys below a prefix, whole or folded to one level, and a cursor to go on from."""
    body = await read_json(request, PageRequest)
    cursor = Cursor.decode(body.cursor) if body.cursor else Cursor(after="", sort=body.sortBy)
    limit = min(body.limit, _MAX)
    values = {
        "bucket": request.match_info["bucket"],
        "prefix": body.prefix,
        "delimited": body.with_delimiter,
        "limit": limit + 1,
        "after": cursor.after,
        "time": cursor.time,
        **cursor.sort.model_dump(),
    }
    async with request.app[CONTEXT].as_caller(request) as conn:
        found = await (await conn.execute(_PAGE, values)).fetchall()
    return web.json_response(_answer(found, limit, cursor.sort))


def _answer(found: list[Row], limit: int, sort: PageSortBy) -> dict[str, Any]:
    shown = found[:limit]
    answer: dict[str, Any] = {
        "hasNext": len(found) > limit,
        "folders": [_shown(row) for row in shown if row["id"] is None],
        "objects": [_shown(row) for row in shown if row["id"] is not None],
    }
    if answer["hasNext"]:
        last = shown[-1]
        time = None if sort.column == "name" else last[sort.column]
        answer["nextCursor"] = Cursor(after=last["name"], sort=sort, time=time).encoded()
        answer["nextCursorKey"] = last["name"]
    return answer


def _shown(row: Row) -> Row:
    return {name: shown_value(name, value) for name, value in row.items()}
