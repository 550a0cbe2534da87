"""What Auth refuses, and the bodies and headers that say so in GoTrue's two formats."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

VERSION_HEADER = "X-Supabase-Api-Version"
_CODES_SINCE = date(2024, 1, 1)
_ROUTING_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_entity_too_large"}
_TAKEN = {
    "users_email_partial_key": (
        "email_exists",
        "A user with this email address has already been registered",
    ),
    "users_pkey": ("user_already_exists", "A user with this id already exists"),
}


class AuthError(Exception):
    """A refusal with its HTTP status, GoTrue's stable code and a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def details(self) -> dict[str, Any]:
        """What the body carries beyond code and message."""
        return {}


class WeakPasswordError(AuthError):
    """The password breaks the rules in `reasons` (`length`, `characters`)."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__(422, "weak_password", " ".join(reasons.values()))
        self.reasons = list(reasons)

    def details(self) -> dict[str, Any]:
        return {"weak_password": {"reasons": self.reasons}}


def invalid(message: str) -> AuthError:
    """The request is well-formed JSON but cannot be meant."""
    return AuthError(400, "validation_failed", message)


def email_taken() -> AuthError:
    """The e-mail address belongs to another user."""
    return AuthError(422, *_TAKEN["users_email_partial_key"])


@contextmanager
def database_refusals(failure: str) -> Iterator[None]:
    """Answer for a write that the database may refuse, most often through a trigger of the app.

    Raises:
        AuthError: 422 for a taken e-mail or id, else 500 with `failure` as its message.
    """
    try:
        yield
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        if (error.diag.constraint_name or "") in _TAKEN and error.diag.schema_name == "auth":
            raise AuthError(422, *_TAKEN[error.diag.constraint_name or ""]) from error
        log.warning("%s: %s %s", failure, error.sqlstate, error.diag.message_primary)
        raise AuthError(500, "unexpected_failure", failure) from error


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal and failure into GoTrue's error format."""
    try:
        return await handler(request)
    except AuthError as error:
        return _response(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = _ROUTING_CODES.get(error.status, "unknown")
        return _response(request, AuthError(error.status, code, error.reason))
    except psycopg.OperationalError as error:
        log.warning("The database did not answer: %s", type(error).__name__)
        unavailable = AuthError(503, "unexpected_failure", "The database is not available")
        return _response(request, unavailable)
    except Exception:
        log.exception("%s %s failed", request.method, request.rel_url.path)
        return _response(request, AuthError(500, "unexpected_failure", "Unexpected failure"))


def _response(request: web.Request, error: AuthError) -> web.Response:
    headers = {"x-sb-error-code": error.code}
    if _knows_codes(request.headers.get(VERSION_HEADER, "")):
        headers[VERSION_HEADER] = _CODES_SINCE.isoformat()
        body: dict[str, Any] = {"code": error.code, "message": error.message}
    else:
        body = {"code": error.status, "error_code": error.code, "msg": error.message}
    return web.json_response(body | error.details(), status=error.status, headers=headers)


def _knows_codes(version: str) -> bool:
    try:
        return date.fromisoformat(version) >= _CODES_SINCE
    except ValueError:
        return False
