"""Refusals in the exact shape of Stripe's API."""

from typing import Any

from local_stack.payments.cards import Decline

_CODES_PAGE = "https://stripe.com/docs/error-codes/"
_SHOWN = 100


class StripeError(Exception):
    """An answer other than success: `status` is HTTP's, `body` what the client parses."""

    def __init__(self, status: int, message: str, **fields: object) -> None:
        super().__init__(message)
        self.status = status
        error = {"message": message, "type": "invalid_request_error", **fields}
        if code := error.get("code"):
            error["doc_url"] = _CODES_PAGE + str(code).replace("_", "-")
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


def invalid(message: str, **fields: object) -> StripeError:
    """400: the request cannot be done as it is."""
    return StripeError(400, message, **fields)


def no_such(kind: str, identifier: str, *, param: str, status: int = 400) -> StripeError:
    """The named object does not exist: 404 when the URL names it, 400 when a parameter does."""
    message = f"No such {kind}: '{identifier[:_SHOWN]}'"
    return StripeError(status, message, code="resource_missing", param=param)


def unauthorized(message: str) -> StripeError:
    """401: no key, or not ours."""
    return StripeError(401, message)


def unrecognized_url(method: str, path: str) -> StripeError:
    """404: not an endpoint, or none of the double."""
    return StripeError(
        404, f"Unrecognized request URL ({method}: {path[:_SHOWN]}): the test double has none such."
    )


def idempotency(message: str, *, status: int = 400, code: str | None = None) -> StripeError:
    """The idempotency key does not fit this request (400), or is in flight (409)."""
    return StripeError(status, message, type="idempotency_error", code=code)


def internal() -> StripeError:
    """500: as much as Stripe says of its own faults."""
    return StripeError(
        500, "An unknown error occurred while processing your request.", type="api_error"
    )


def unavailable() -> StripeError:
    """503: come back in a moment."""
    return StripeError(503, "The service is unavailable for a moment.", type="api_error")


def rate_limited() -> StripeError:
    """429: too many requests at once."""
    message = "Request rate limit exceeded."
    return StripeError(429, message, code="rate_limit")


def unexpected_state(message: str, intent: dict[str, Any]) -> StripeError:
    """400: not with an intent of this status."""
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent)


def expired_for_capture(charge: str) -> StripeError:
    """400: the bank no longer holds the money."""
    return invalid(
        f"The charge {charge} cannot be captured as its authorization has expired. Charges must be "
        "captured within seven days.",
        code="charge_expired_for_capture",
        charge=charge,
    )


def declined(decline: Decline, **fields: object) -> StripeError:
    """402: the card was refused; an intent among the fields awaits another payment method."""
    return StripeError(
        402,
        decline.message,
        type="card_error",
        code=decline.code,
        decline_code=decline.decline_code,
        param=decline.param,
        advice_code=decline.advice_code,
        **fields,
    )
