"""What the fake shop refuses, in the words of REST and of Auth."""

import json
from collections.abc import Mapping
from typing import Any

from orderbase._http import Response

_JSON = {"content-type": "application/json"}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An answer that says no."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(body.get("message") or body.get("msg"))
        self.response = Response(status, json.dumps(body).encode(), _JSON)


def refuse(
    status: int, code: str, message: str, context: Mapping[str, Any] | None = None
) -> Refusal:
    """A verb's refusal, as `private.refuse` makes it."""
    hint = json.dumps(context) if context else ""
    body = {"code": f"PT{status}", "message": message, "details": code, "hint": hint}
    return Refusal(status, body)


def rest_refusal(status: int, code: str, message: str) -> Refusal:
    """A refusal of PostgREST or Postgres itself."""
    return Refusal(status, {"code": code, "message": message, "details": None, "hint": None})


def auth_refusal(status: int, code: str, message: str) -> Refusal:
    """A refusal of Auth."""
    return Refusal(status, {"code": status, "error_code": code, "msg": message})


def unknown(what: str) -> Refusal:
    """The fake does not know how a shop answers this, and does not guess."""
    return rest_refusal(501, "not_faked", f"The fake shop does not know {what}.")


def sign_in_required() -> Refusal:
    """Nobody is signed in, or the session is over."""
    return refuse(401, "sign_in_required", "Sign in, as a guest at least.")


def order_not_found() -> Refusal:
    """There is no such order, or it is not the caller's."""
    return refuse(404, "order_not_found", "There is no such order.")
