"""HEAD wherever there is GET: the same headers, and nothing else."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_IS_HEAD = "orderbase.is_head"


def is_head(request: Request) -> bool:
    """Whether it was a HEAD, for routes whose GET does more than answer."""
    return _IS_HEAD in request.scope


class HeadAsGet:
    """ASGI middleware: routes see a GET; what they say after the headers is dropped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner: Scope = {**scope, "method": "GET", _IS_HEAD: True}
        try:
            await self._app(inner, receive, send_head)
        finally:
            scope["route"] = inner.get("route")
