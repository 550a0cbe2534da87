"""What Stripe's answers and errors mean for a step: yes, no, or nothing known."""

from collections.abc import Awaitable
from typing import Any

import aiohttp
import stripe
from stripe import PaymentIntent, Refund

from functions.kit.queue import Outcome

PROVIDER = "stripe"
_DEFINITE = ("amount_too_small", "amount_too_large", "charge_already_refunded")
_OUR_MISTAKES = (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError)
_ENDED_UNPAID = ("requires_payment_method", "canceled")
# Stripe counts hundredths of these, though ISO 4217 gives them no minor unit.
_COUNTED_IN_HUNDREDTHS = ("ISK", "UGX")


def factor(currency: str) -> int:
    """Stripe's units per ISO 4217 minor unit."""
    return 100 if currency in _COUNTED_IN_HUNDREDTHS else 1


async def answered(call: Awaitable[Outcome]) -> Outcome:
    """The outcome of a call; Stripe's errors are outcomes, too."""
    try:
        return await call
    except stripe.CardError as error:
        return _declined(error)
    except stripe.InvalidRequestError as error:
        return _refused(error)
    except (stripe.APIConnectionError, aiohttp.ClientError, TimeoutError) as error:
        return _unanswered(error)
    except stripe.StripeError as error:
        ours = isinstance(error, _OUR_MISTAKES)
        return Outcome.retry(describe(error), trouble=not ours and not _is_replayed(error))


def of_intent(intent: PaymentIntent, currency: str) -> Outcome:
    """What an intent that was confirmed has come to."""
    if intent.status in ("succeeded", "requires_capture"):
        captured = intent.status == "succeeded"
        units = intent.amount_received if captured else intent.amount_capturable
        return charged(
            PROVIDER, intent.id, units // factor(currency), intent.currency.upper(), captured
        )
    if intent.status == "requires_action":
        data = {"reference": intent.id, "client_secret": intent.client_secret}
        return Outcome("waiting", {"provider": PROVIDER, **data})
    if intent.status in _ENDED_UNPAID:
        return not_charged(intent.id, intent.last_payment_error, intent.status)
    return Outcome.retry(f"payment intent {intent.id} is {intent.status}")


def charged(
    provider: str, reference: str, amount: int, currency: str, captured: bool = True
) -> Outcome:
    """Money was taken, or, if not captured, authorised."""
    data = {"provider": provider, "reference": reference, "amount": amount, "currency": currency}
    return Outcome("succeeded", data | {"captured": captured})


def not_charged(reference: str | None, reason: Any, fallback: str = "") -> Outcome:  # noqa: ANN401 - Stripe's errors have no common type
    """A definite no."""
    code = "canceled" if fallback == "canceled" else getattr(reason, "code", None)
    return Outcome(
        "failed",
        {
            "provider": PROVIDER,
            "reference": reference,
            "failure_code": code or "payment_failed",
            "failure_message": getattr(reason, "message", None) or "The payment was refused.",
        },
    )


def of_refund(refund: Refund, currency: str) -> Outcome:
    """What a refund has come to."""
    if refund.status == "succeeded":
        amount = refund.amount // factor(currency)
        return Outcome("succeeded", {"reference": refund.id, "amount": amount})
    if refund.status in ("pending", "requires_action"):
        return Outcome("waiting", {"reference": refund.id})
    reason = getattr(refund, "failure_reason", None) or refund.status or "failed"
    message = f"The refund {refund.id} failed: {reason}."
    return Outcome("failed", {"failure_code": reason, "failure_message": message}, error=message)


def describe(error: Exception) -> str:
    """For staff: the kind of error and Stripe's own name of the request; no personal data."""
    request = getattr(error, "request_id", None)
    return f"{type(error).__name__} {getattr(error, 'code', None) or ''} (request {request})"


def _is_replayed(error: stripe.StripeError) -> bool:
    """Whether this is the answer to an earlier call, which tells nothing of the service now."""
    return error.headers is not None and error.headers.get("Idempotent-Replayed") == "true"


def _declined(error: stripe.CardError) -> Outcome:
    intent = error.error.payment_intent if error.error else None
    return not_charged(intent.id if intent else None, error.error)


def _refused(error: stripe.InvalidRequestError) -> Outcome:
    """Stripe did nothing; for good only if the card or the sum is at fault, and not our request."""
    if error.param == "payment_method" or error.code in _DEFINITE:
        return not_charged(None, error.error)
    return Outcome.retry(describe(error))


def _unanswered(error: Exception) -> Outcome:
    """Where nobody listens, nothing was asked; otherwise nobody knows what became of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectorError):
            return Outcome.postponed("Stripe cannot be reached", trouble=True)
        cause = cause.__cause__ or cause.__context__
    return Outcome.retry(describe(error), trouble=True)
