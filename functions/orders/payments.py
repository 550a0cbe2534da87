"""Charging orders at Stripe, once each."""

from typing import Any

import aiohttp
import stripe
from stripe import PaymentIntent

from functions.kit.queue import Job, Outcome
from functions.orders.settings import OrderSettings

_PROVIDER = "stripe"
_RETRIES = 2
_KEY_NAME = "idempotency_key"
_CANNOT_BE_CHARGED = ("amount_too_small", "amount_too_large")
_ENDED_UNPAID = ("requires_payment_method", "canceled")
# Stripe counts hundredths of these, though ISO 4217 gives them no minor unit.
_COUNTED_IN_HUNDREDTHS = ("ISK", "UGX")


class Payments:
    """One account at Stripe."""

    def __init__(self, settings: OrderSettings, *, timeout: float = 8.0) -> None:
        """`timeout` is the seconds that Stripe has for one reply."""
        base = settings.stripe_api_base
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=timeout))
        self._stripe = stripe.StripeClient(
            settings.stripe_api_key.get_secret_value(),
            base_addresses={"api": str(base).rstrip("/")} if base else None,
            max_network_retries=_RETRIES,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def charge(self, job: Job) -> Outcome:
        """Take `amount` (minor units) of `currency` from `payment_method` under `key`.

        succeeded has `provider`, `reference`, `amount` and `currency`; failed, a definite no, has
        `provider`, `reference` (if there is one), `failure_code` and `failure_message`; retry is
        everything else, and the charge may have happened.
        """
        if job["amount"] == 0:
            return _succeeded("none", job["key"], 0, job["currency"])
        try:
            return await self._charge(job)
        except stripe.CardError as error:
            return _declined(error)
        except stripe.InvalidRequestError as error:
            return _refused(error)
        except (stripe.StripeError, aiohttp.ClientError) as error:
            return Outcome.retry(_describe(error))

    async def _charge(self, job: Job) -> Outcome:
        # Stripe forgets keys after a day, so an earlier attempt is looked up first. The search may
        # lag by an hour at worst, and that long the key holds.
        earlier = await self._find(job["key"]) if job["starts"] > 1 else None
        return _outcome(earlier or await self._create(job), job["currency"])

    async def _find(self, key: str) -> PaymentIntent | None:
        query = f'metadata["{_KEY_NAME}"]:"{key}"'
        found = await self._stripe.v1.payment_intents.search_async({"query": query, "limit": 1})
        return found.data[0] if found.data else None

    async def _create(self, job: Job) -> PaymentIntent:
        return await self._stripe.v1.payment_intents.create_async(
            {
                "amount": job["amount"] * _factor(job["currency"]),
                "currency": job["currency"].lower(),
                "payment_method": job["payment_method"],
                "confirm": True,
                # Nobody is there to answer a bank's question, so a card that asks one is declined.
                "error_on_requires_action": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "metadata": {
                    "order_id": job["order_id"],
                    "order_number": str(job["number"]),
                    _KEY_NAME: job["key"],
                },
            },
            {"idempotency_key": job["key"]},
        )


def _factor(currency: str) -> int:
    return 100 if currency in _COUNTED_IN_HUNDREDTHS else 1


def _outcome(intent: PaymentIntent, currency: str) -> Outcome:
    if intent.status == "succeeded":
        amount = intent.amount_received // _factor(currency)
        return _succeeded(_PROVIDER, intent.id, amount, intent.currency.upper())
    if intent.status in _ENDED_UNPAID:
        return _failed(intent.id, intent.last_payment_error)
    return Outcome.retry(f"payment intent {intent.id} is {intent.status}")


def _succeeded(provider: str, reference: str, amount: int, currency: str) -> Outcome:
    return Outcome(
        "succeeded",
        {"provider": provider, "reference": reference, "amount": amount, "currency": currency},
    )


def _failed(reference: str | None, reason: Any) -> Outcome:  # noqa: ANN401 - Stripe's errors have no common type
    return Outcome(
        "failed",
        {
            "provider": _PROVIDER,
            "reference": reference,
            "failure_code": getattr(reason, "code", None) or "payment_failed",
            "failure_message": getattr(reason, "message", None) or "The payment was refused.",
        },
    )


def _declined(error: stripe.CardError) -> Outcome:
    intent = error.error.payment_intent if error.error else None
    return _failed(intent.id if intent else None, error.error)


def _refused(error: stripe.InvalidRequestError) -> Outcome:
    """Stripe did nothing; for good only if the card or the sum is at fault, and not our request."""
    if error.param == "payment_method" or error.code in _CANNOT_BE_CHARGED:
        return _failed(None, error.error)
    return Outcome.retry(_describe(error))


def _describe(error: Exception) -> str:
    request = getattr(error, "request_id", None)
    return f"{type(error).__name__} {getattr(error, 'code', None) or ''} (request {request})"
