"""Mailpit's HTTP API over the mailbox, and the inbox page."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from aiohttp import web

from local_stack.mail.mailbox import Entry, Mailbox
from local_stack.mail.message import Message
from local_stack.ports import HOST

_PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {"/": "inbox.html", "/inbox.css": "inbox.css", "/inbox.js": "inbox.js"}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# No scripts and no forms, whatever the message says; a link opens a normal new tab.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src 'self' data: http://127.0.0.1:* http://localhost:*; "
    "form-action 'none'; frame-ancestors 'self'"
)
_SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"}


@asynccontextmanager
async def serve(mailbox: Mailbox, port: int) -> AsyncIterator[None]:
    """Answer on `port` while the context is open."""
    app = web.Application(middlewares=[_safe_headers])
    app.add_routes(_Api(mailbox).routes())
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield
    finally:
        await runner.cleanup()


class _Api:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def routes(self) -> Sequence[web.RouteDef]:
        message = "/api/v1/message/{id}"
        return [
            *(web.get(path, _page_file(name)) for path, name in _PAGE_FILES.items()),
            web.get("/livez", _ok),
            web.get("/readyz", _ok),
            web.get("/api/v1/info", self.info),
            web.get("/api/v1/messages", self.messages),
            web.delete("/api/v1/messages", self.delete),
            web.get("/api/v1/search", self.search),
            web.get(message, self.message),
            web.get(message + "/headers", self.headers),
            web.get(message + "/raw", self.raw),
            web.get(message + "/part/{part}", self.part),
            web.get("/view/{id}.html", self.view),
        ]

    async def info(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"Version": "orderbase", "Messages": len(self._mailbox), "Unread": self._unread()}
        )

    async def messages(self, request: web.Request) -> web.Response:
        return self._listing(request, self._mailbox.newest_first())

    async def search(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "").strip()
        if not query:
            raise web.HTTPBadRequest(text="Error: no search query")
        return self._listing(request, self._mailbox.search(query))

    async def delete(self, request: web.Request) -> web.Response:
        mail_ids = _requested_ids(await request.read())
        if mail_ids:
            self._mailbox.delete(mail_ids)
        else:
            self._mailbox.delete_all()
        return web.Response(text="ok")

    async def message(self, request: web.Request) -> web.Response:
        entry, message = await self._found(request)
        self._mailbox.mark_read(entry)
        return web.json_response({"ID": entry.id} | message.detail(entry.received))

    async def headers(self, request: web.Request) -> web.Response:
        return web.json_response((await self._found(request))[1].headers())

    async def raw(self, request: web.Request) -> web.Response:
        _, message = await self._found(request)
        return web.Response(body=message.raw, content_type="text/plain", charset="utf-8")

    async def part(self, request: web.Request) -> web.Response:
        _, message = await self._found(request)
        wanted = request.match_info["part"]
        part = next((part for part in message.parts if part.part_id == wanted), None)
        if part is None:
            raise web.HTTPNotFound(text="part not found")
        shown = part.content_type in _SHOWN_INLINE
        headers = {"Content-Security-Policy": _MAIL_POLICY}
        if not shown:
            headers["Content-Disposition"] = "attachment"
        kind = part.content_type if shown else "application/octet-stream"
        return web.Response(body=part.content, content_type=kind, headers=headers)

    async def view(self, request: web.Request) -> web.Response:
        entry, message = await self._found(request)
        return web.Response(
            text=message.page(f"/api/v1/message/{entry.id}/part"),
            content_type="text/html",
            headers={"Content-Security-Policy": _MAIL_POLICY},
        )

    async def _found(self, request: web.Request) -> tuple[Entry, Message]:
        entry = self._mailbox.find(request.match_info["id"])
        message = await self._mailbox.read(entry) if entry else None
        if entry is None or message is None:
            raise web.HTTPNotFound(text="message not found")
        return entry, message

    def _listing(self, request: web.Request, entries: list[Entry]) -> web.Response:
        start = _whole_number(request, "start", 0)
        limit = _whole_number(request, "limit", 50)
        page = [entry.summary() for entry in entries[start : start + limit]]
        return web.json_response(
            {
                "total": len(self._mailbox),
                "unread": self._unread(),
                "count": len(page),
                "messages_count": len(entries),
                "messages_unread": sum(not entry.read for entry in entries),
                "start": start,
                "tags": [],
                "messages": page,
            }
        )

    def _unread(self) -> int:
        return sum(not entry.read for entry in self._mailbox.newest_first())


def _whole_number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise web.HTTPBadRequest(text=f"Error: {name} must be a whole number, not negative")
    return int(text)


def _requested_ids(body: bytes) -> list[str]:
    """The IDs named in the body of a deletion; none if it names none, which means all messages."""
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        document = None
    ids = document.get("IDs", []) if isinstance(document, dict) else None
    if not isinstance(ids, list) or not all(isinstance(mail_id, str) for mail_id in ids):
        raise web.HTTPBadRequest(text='Error: the body must be JSON: {"IDs": ["…"]}')
    return cast(list[str], ids)


def _page_file(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    text = (_PAGE / name).read_text("utf-8")

    async def send(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kinds[Path(name).suffix])

    return send


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@web.middleware
async def _safe_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _protect(error.headers)
        raise
    _protect(response.headers)
    return response


def _protect(headers: MutableMapping[str, str]) -> None:
    headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cache-Control"] = "no-store"
