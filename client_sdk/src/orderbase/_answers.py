"""What an answer that says no stands for, as an error."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import JsonValue

from orderbase.errors import (
    CODES,
    AuthError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    OrderbaseError,
    PermissionDenied,
    RateLimited,
    ServerError,
    TimedOut,
)

_REQUEST_ID_HEADERS = ("sb-request-id", "x-request-id", "cf-ray")
_NO_GRANT = "42501"
_UNUSABLE_TOKEN = frozenset({"PGRST301", "PGRST303"})  # claims have their own since PostgREST 13

_STATUSES: dict[int, type[OrderbaseError]] = {
    401: AuthError,
    403: PermissionDenied,
    404: NotFound,
    408: TimedOut,
    409: Conflict,
    412: Conflict,
    429: RateLimited,
    504: TimedOut,
}


def from_response(status: int, content: bytes, headers: Mapping[str, str]) -> OrderbaseError:
    """The error that an answer of REST, Auth or the gateway (status 400 or more) stands for."""
    body = _json_object(content.decode("utf-8", "replace"))
    if body.get("code") == "":
        # What PostgREST answers, with status 400, when Postgres crashes during the call.
        return ConnectionFailed("The database went away.", status=status)
    if status == 400:
        status = _status_of_storage(body) or status
    code, message = _code(body), _message(body) or f"The server answered {status}."
    context = _json_object(body.get("hint"))
    ours = _in_our_words(status, code, message)
    if ours is not None:
        context = {"code": code, "message": message}
        code, message = ours
    return _class_of(status, code)(
        message,
        status=status,
        code=code,
        context=context,
        request_id=next(_request_ids(headers), None),
        retry_after=_retry_after(headers),
    )


def unreadable(status: int, headers: Mapping[str, str]) -> ServerError:
    """The error for a successful answer that is not what this version of the client expects."""
    return ServerError(
        "The answer is not what this version of orderbase expects.",
        status=status,
        code="unreadable_answer",
        request_id=next(_request_ids(headers), None),
    )


def _in_our_words(status: int, code: str | None, message: str) -> tuple[str, str] | None:
    """Code and message for what PostgREST has codes of its own."""
    if code == _NO_GRANT and status == 401:  # 403 for whoever is signed in
        return "sign_in_required", "Sign in, as a guest at least."
    if code not in _UNUSABLE_TOKEN:
        return None
    if message == "JWT expired":
        return "session_expired", "The access token has expired."
    return "bad_jwt", "The access token, or the key, is not valid."


def _class_of(status: int, code: str | None) -> type[OrderbaseError]:
    if code in CODES:
        return CODES[code]
    return _STATUSES.get(status, ServerError if status >= 500 else InvalidRequest)


def _status_of_storage(body: Mapping[str, JsonValue]) -> int | None:
    """Storage answers 400 to nearly everything, and says the status in the body."""
    said = body.get("statusCode")
    return int(said) if isinstance(said, str) and said.isdecimal() else None


def _code(body: Mapping[str, JsonValue]) -> str | None:
    """PostgREST says the status of a verb's refusal as `PTnnn`, and its code in `details`."""
    code = body.get("code")
    if isinstance(code, str) and code.startswith("PT"):
        code = body.get("details")
    named = body.get("error_code") or code
    return named if isinstance(named, str) else None


def _message(body: Mapping[str, JsonValue]) -> str | None:
    words = (body.get(name) for name in ("message", "msg", "error_description", "error"))
    return next((word for word in words if isinstance(word, str) and word), None)


def _request_ids(headers: Mapping[str, str]) -> Iterator[str]:
    return (headers[name] for name in _REQUEST_ID_HEADERS if name in headers)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; from a date, by the clock of who said it."""
    said = headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    until = _moment(said)
    now = _moment(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else None


def _moment(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)  # HTTP has no other zone
    except ValueError:
        return None


def _json_object(text: JsonValue) -> dict[str, JsonValue]:
    try:
        value: JsonValue = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
