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

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

_GATEWAY_FAILURES = frozenset({502, 503, 504, 520, 521, 522, 523, 524})


class Shortage(BaseModel, frozen=True, defer_build=True):
    """A product of which there is not enough."""

    product_id: UUID
    name: str
    requested: int
    available: int


class OrderbaseError(Exception):
    """Any failure of a call.

    Attributes:
        message: what happened, for people; may change.
        status: the HTTP status of the answer; None when there was none, and when the client itself
            refuses: then nothing was sent.
        code: the stable code to branch on, such as "price_changed", as CODES has them; None when
            there is none.
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

SHOP_CODES: dict[str, type[OrderbaseError]] = {
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
    "position_ahead": InvalidRequest,
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
}
"""What the database's verbs refuse."""

AUTH_CODES: dict[str, type[OrderbaseError]] = {
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
"""What Auth refuses, where the status says too little; and access tokens that will not do."""

CLIENT_CODES: dict[str, type[OrderbaseError]] = {
    "ambiguous_order": InvalidRequest,
    "condition_required": InvalidRequest,
    "guest_signed_in": Conflict,
    "invalid_address_id": InvalidRequest,
    "invalid_alarm_id": InvalidRequest,
    "invalid_before": InvalidRequest,
    "invalid_cursor": InvalidRequest,
    "invalid_datetime": InvalidRequest,
    "invalid_day": InvalidRequest,
    "invalid_email_id": InvalidRequest,
    "invalid_endpoint_id": InvalidRequest,
    "invalid_first_hour": InvalidRequest,
    "invalid_id_prefix": InvalidRequest,
    "invalid_image_id": InvalidRequest,
    "invalid_last_hour": InvalidRequest,
    "invalid_limit": InvalidRequest,
    "invalid_name": InvalidRequest,
    "invalid_order_by": InvalidRequest,
    "invalid_order_id": InvalidRequest,
    "invalid_order_ids": InvalidRequest,
    "invalid_placed_before": InvalidRequest,
    "invalid_placed_since": InvalidRequest,
    "invalid_poll_every": InvalidRequest,
    "invalid_product_id": InvalidRequest,
    "invalid_query": InvalidRequest,
    "invalid_run_id": InvalidRequest,
    "invalid_shape": InvalidRequest,
    "invalid_since": InvalidRequest,
    "invalid_statuses": InvalidRequest,
    "invalid_types": InvalidRequest,
    "invalid_until": InvalidRequest,
    "invalid_upload_id": InvalidRequest,
    "invalid_user_id": InvalidRequest,
    "invalid_value": InvalidRequest,
    "invalid_verb": InvalidRequest,
    "job_run_not_found": NotFound,
    "missing_credentials": InvalidRequest,
    "not_a_guest": AuthError,
    "not_faked": ServerError,
    "payment_not_found": NotFound,
    "query_too_long": InvalidRequest,
    "row_not_found": NotFound,
    "several_rows": Conflict,
    "shape_mismatch": InvalidRequest,
    "too_large": InvalidRequest,
    "unknown_column": InvalidRequest,
    "unreadable_answer": ServerError,
    "unsupported_type": InvalidRequest,
    "upload_not_found": NotFound,
    "user_changed": AuthError,
    "wrong_key": AuthError,
}
"""What this client refuses itself, or makes of an answer; "not_faked" is the fake shop's, and
"ambiguous_order" and "wrong_key" are the command's."""

WEBHOOK_CODES: dict[str, type[OrderbaseError]] = {
    "header_missing": WebhookRefused,
    "invalid_timestamp": WebhookRefused,
    "signature_mismatch": WebhookRefused,
    "timestamp_out_of_tolerance": WebhookRefused,
    "unreadable_event": WebhookRefused,
}
"""Why `webhooks.verify` refuses."""

CODES = SHOP_CODES | AUTH_CODES | CLIENT_CODES | WEBHOOK_CODES
"""All codes, each with the error that has it."""
