"""How the document describes errors."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """Where the request is wrong."""

    at: str = Field(examples=["body.items.0.quantity"])
    detail: str = Field(examples=["Input should be greater than or equal to 1"])


class ProblemDocument(BaseModel):
    """RFC 9457 problem details. `code` is stable, for programs; `detail` is for people."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    context: dict[str, Any] | None = Field(None, description="Details, by code.")
    errors: list[FieldError] | None = Field(None, description="Of invalid_request.")


_MEANINGS = {
    400: ("malformed_json", "The body is not JSON, or the cursor was not made here."),
    401: ("sign_in_required", "There is no access token, or it is not valid."),
    403: ("staff_only", "Only the shop's staff may do this."),
    404: ("not_found", "There is no such thing, or it is not yours."),
    405: ("method_not_allowed", "This address takes other methods: `Allow` lists them."),
    409: ("conflict", "It contradicts what is there."),
    412: ("precondition_failed", "It has changed: `If-Match` names another version."),
    413: ("too_large", "The body is too large."),
    415: ("unsupported_media_type", "The body is not sent as JSON."),
    422: ("invalid_request", "A value is not allowed; or a rule of the shop refuses it."),
    428: ("precondition_required", "`If-Match` is missing."),
    429: ("too_many_requests", "Too many requests: `Retry-After` tells when to try again."),
    503: ("unavailable", "Something does not answer: try again."),
}

_HEADERS = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}},
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an operation may answer with, for its `responses`."""
    return {status: _response(status) for status in statuses}


def _response(status: int) -> dict[str, Any]:
    code, description = _MEANINGS[status]
    headers = {name: _HEADERS[name] for name in _HEADERS_OF.get(status, ())}
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": "about:blank",
                    "title": HTTPStatus(status).phrase,
                    "status": status,
                    "detail": description,
                    "code": code,
                    "request_id": "5f0c6b8e7d6d4c0f9a5b3c2d1e0f9a8b",
                },
            }
        },
    }
