"""Everything that can go wrong, as one tree.

OrderbaseError
├── ConnectionFailed        no answer: the connection could not be made, or was lost
├── TimedOut                no answer in time
├── AuthError               not signed in, wrong password, session over
├── PermissionDenied        signed in, but not allowed
├── NotFound                no such thing, or not yours
├── Conflict                contradicts what is there
│   ├── OutOfStock              a product is short; `products` says which
│   └── IdempotencyMismatch     the key belongs to another order request
├── InvalidRequest          the request itself is wrong; `context` often says where
├── RateLimited             too many requests; wait `retry_after` seconds
├── ServerError             the server failed, or its answer made no sense
└── WebhookRefused          not proven to be from the shop, or not now
"""
# ruff: noqa: N818 - the names say what happened

import json
from collections.abc import Iterator, Mapping
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

_REQUEST_ID_HEADERS = ("sb-request-id", "x-request-id", "cf-ray")
_GATEWAY_FAILURES = frozenset({502, 503, 504, 520, 521, 522, 523, 524})


class Shortage(BaseModel):
    """A product of which there is not enough."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    product_id: UUID
    name: str
    requested: int
    available: int


class OrderbaseError(Exception):
    """Any failure of a call.

    Attributes:
        message: what happened, for people; may change.
        status: the HTTP status; None when there was no answer.
        code: the stable code to branch on, such as "price_changed"; None when there is none.
        context: details of the refusal, by code; empty when there are none.
        request_id: the server's name for this request, for its operators.
        retry_after: seconds to wait before trying again, where the server said so.
        idempotency_key: the key of the order request that failed. Whether it was placed is
            unknown when there was no answer: call `place` again with this key to find out.
    """

    temporary: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        context: Mapping[str, JsonValue] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.context: Mapping[str, JsonValue] = context or {}
        self.request_id = request_id
        self.retry_after = retry_after
        self.idempotency_key: UUID | None = None

    def __str__(self) -> str:
        facts = {"code": self.code, "status": self.status, "request": self.request_id}
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        return f"{self.message} ({known})" if known else self.message

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return self.temporary or self.status in _GATEWAY_FAILURES


class ConnectionFailed(OrderbaseError):
    """The connection could not be made, or was lost before the answer."""

    temporary = True


class TimedOut(OrderbaseError):
    """There was no answer in time."""

    temporary = True


class AuthError(OrderbaseError):
    """Nobody is signed in, the credentials are wrong, or the session is over."""


class PermissionDenied(OrderbaseError):
    """The one who is signed in may not do this."""


class NotFound(OrderbaseError):
    """There is no such thing, or it is not yours."""


class Conflict(OrderbaseError):
    """The request contradicts what is there, such as a price that has changed."""


class OutOfStock(Conflict):
    """There is not enough of a product; nothing was ordered."""

    @property
    def products(self) -> tuple[Shortage, ...]:
        """The products that are short."""
        try:
            return _SHORTAGES.validate_python(self.context.get("products", []))
        except ValidationError:
            return ()


class IdempotencyMismatch(Conflict):
    """The idempotency key belongs to an order request with other contents."""


class InvalidRequest(OrderbaseError):
    """The request itself is wrong; sending it again will not help."""


class RateLimited(OrderbaseError):
    """Too many requests; wait `retry_after` seconds, if given."""

    temporary = True


class ServerError(OrderbaseError):
    """The server failed, or gave an answer that makes no sense."""


class WebhookRefused(OrderbaseError):
    """The webhook is not proven to be from the shop, or was sent too long ago."""


_SHORTAGES: TypeAdapter[tuple[Shortage, ...]] = TypeAdapter(
    tuple[Shortage, ...], config=ConfigDict(defer_build=True)
)

# Refusals of the database's verbs, then those of Auth whose status says too little.
CODES: dict[str, type[OrderbaseError]] = {
    "address_not_found": NotFound,
    "alarm_not_found": NotFound,
    "alt_too_long": InvalidRequest,
    "busy": ServerError,
    "cannot_give_up": Conflict,
    "currency_mismatch": InvalidRequest,
    "dead_letter_not_found": NotFound,
    "dead_letter_resolved": Conflict,
    "email_not_found": NotFound,
    "email_required": InvalidRequest,
    "empty_basket": InvalidRequest,
    "experiment_not_found": NotFound,
    "idempotency_key_reused": IdempotencyMismatch,
    "image_not_found": NotFound,
    "insufficient_stock": OutOfStock,
    "invalid_address": InvalidRequest,
    "invalid_address_id": InvalidRequest,
    "invalid_amount": InvalidRequest,
    "invalid_country": InvalidRequest,
    "invalid_description": InvalidRequest,
    "invalid_display_name": InvalidRequest,
    "invalid_email": InvalidRequest,
    "invalid_failure": InvalidRequest,
    "invalid_idempotency_key": InvalidRequest,
    "invalid_item": InvalidRequest,
    "invalid_items": InvalidRequest,
    "invalid_label": InvalidRequest,
    "invalid_max_rows": InvalidRequest,
    "invalid_order_id": InvalidRequest,
    "invalid_note": InvalidRequest,
    "invalid_overlap": InvalidRequest,
    "invalid_payment_method": InvalidRequest,
    "invalid_position": InvalidRequest,
    "invalid_product": InvalidRequest,
    "invalid_quantity": InvalidRequest,
    "invalid_quote": InvalidRequest,
    "invalid_reason": InvalidRequest,
    "invalid_shipment": InvalidRequest,
    "invalid_webhook_url": InvalidRequest,
    "job_not_found": NotFound,
    "mixed_currencies": InvalidRequest,
    "nothing_to_refund": Conflict,
    "order_not_cancellable": Conflict,
    "order_not_found": NotFound,
    "order_not_shippable": Conflict,
    "order_not_shipped": Conflict,
    "own_account": Conflict,
    "precondition_failed": Conflict,
    "price_changed": Conflict,
    "product_not_found": NotFound,
    "quote_expired": Conflict,
    "quote_mismatch": Conflict,
    "range_too_large": InvalidRequest,
    "shipping_in_progress": Conflict,
    "sign_in_required": AuthError,
    "slug_taken": Conflict,
    "staff_only": PermissionDenied,
    "stock_reserved": Conflict,
    "too_many_addresses": Conflict,
    "too_many_items": InvalidRequest,
    "too_many_orders": RateLimited,
    "tracking_number_used": Conflict,
    "unknown_event_type": InvalidRequest,
    "unknown_product": InvalidRequest,
    "user_not_found": NotFound,
    "webhook_delivery_not_found": NotFound,
    "webhook_endpoint_disabled": Conflict,
    "webhook_endpoint_not_found": NotFound,
    # Auth
    "bad_jwt": AuthError,
    "conflict": Conflict,
    "email_exists": Conflict,
    "email_not_confirmed": AuthError,
    "identity_already_exists": Conflict,
    "invalid_credentials": AuthError,
    "no_authorization": AuthError,
    "otp_disabled": NotFound,
    "otp_expired": AuthError,
    "over_email_send_rate_limit": RateLimited,
    "over_request_rate_limit": RateLimited,
    "reauthentication_needed": AuthError,
    "refresh_token_already_used": AuthError,
    "refresh_token_not_found": AuthError,
    "session_expired": AuthError,
    "session_not_found": AuthError,
    "user_already_exists": Conflict,
    "user_banned": AuthError,
}

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
    code = _code(body)
    return _class_of(status, code)(
        _message(body) or f"The server answered {status}.",
        status=status,
        code=code,
        context=_json_object(body.get("hint")),
        request_id=next(_request_ids(headers), None),
        retry_after=_seconds(headers.get("retry-after")),
    )


def unreadable(status: int, headers: Mapping[str, str]) -> ServerError:
    """The error for a successful answer that is not what this version of the client expects."""
    return ServerError(
        "The answer is not what this version of orderbase expects.",
        status=status,
        code="unreadable_answer",
        request_id=next(_request_ids(headers), None),
    )


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


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdecimal() else None


def _json_object(text: JsonValue) -> dict[str, JsonValue]:
    try:
        value: JsonValue = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
