"""GET /admin/audit: the audit trail, newest first."""

from aiohttp import web

from local_stack.auth import pages
from local_stack.auth.context import CONTEXT
from local_stack.auth.errors import invalid
from local_stack.auth.rows import Json, Row, stamp

_SCOPES = {"author": ["actor_username", "actor_name"], "action": ["action"], "type": ["log_type"]}
_PAGE = """
    select *, count(*) over () as total from auth.audit_log_entries
    where cardinality(%(fields)s::text[]) = 0 or exists (
      select from unnest(%(fields)s::text[]) as field
      where strpos(lower(payload ->> field), lower(%(text)s)) > 0
    )
    order by created_at desc, id limit %(limit)s offset %(offset)s
"""


async def list_entries(request: web.Request) -> web.Response:
    """One page; `query` looks for `author:`, `action:` or `type:` and a part of its text."""
    page = pages.asked(request)
    values = _search(request) | {"limit": page.size, "offset": page.offset}
    async with request.app[CONTEXT].transaction() as conn:
        entries = await (await conn.execute(_PAGE, values)).fetchall()
    headers = page.headers(request, entries[0]["total"] if entries else 0)
    return web.json_response([_show(entry) for entry in entries], headers=headers)


def _search(request: web.Request) -> Json:
    query = request.query.get("query", "")
    scope, colon, text = query.partition(":")
    if query and (scope not in _SCOPES or not colon or "\0" in text):
        raise invalid(f"Invalid query scope: {scope[:40]}")
    return {"fields": _SCOPES.get(scope, []), "text": text}


def _show(entry: Row) -> Json:
    return {
        "id": str(entry["id"]),
        "payload": entry["payload"],
        "created_at": stamp(entry["created_at"]),
        "ip_address": entry["ip_address"],
    }
