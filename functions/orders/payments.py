"""Money of orders at Stripe: taken once, given back once, whatever happens in between."""

import aiohttp
import stripe
from stripe import PaymentIntent, Refund

from functions.kit.queue import Job, Outcome
from functions.orders.outcomes import (
    PROVIDER,
    answered,
    charged,
    factor,
    not_charged,
    of_intent,
    of_refund,
)
from functions.orders.settings import OrderSettings

KEY_NAME = "idempotency_key"
"""The metadata by which an effect is found again, years after Stripe has forgotten its key."""

_FORESTALLED = "forestalled"
_ALREADY_REFUNDED = "charge_already_refunded"


class Payments:
    """One account at Stripe."""

    def __init__(self, settings: OrderSettings, *, timeout: float = 8.0) -> None:
        """`timeout` is the seconds that Stripe has for one reply."""
        base = settings.stripe_api_base
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=timeout))
        self._stripe = stripe.StripeClient(
            settings.stripe_api_key.get_secret_value(),
            base_addresses={"api": str(base).rstrip("/")} if base else None,
            max_network_retries=0,  # the saga's own policy tries again
            http_client=self._http,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def charge(self, job: Job) -> Outcome:
        """Take, or authorise, `amount` (minor units) of `currency` from `payment_method`.

        succeeded has `provider`, `reference`, `amount`, `currency` and `captured`; failed, a
        definite no, has `provider`, `reference` (if there is one), `failure_code` and
        `failure_message`; waiting, the bank asks the shopper, has `reference` and `client_secret`;
        retry is everything else, and the charge may have happened.
        """
        if job["amount"] == 0 and job["cancelling"]:
            return not_charged(None, None, "canceled")
        if job["amount"] == 0:
            return charged("none", job["key"], 0, job["currency"])
        return await answered(self._forestall(job) if job["cancelling"] else self._charge(job))

    async def capture(self, job: Job) -> Outcome:
        """Take what `payment_reference` has authorised; outcomes as of `charge`."""
        return await answered(self._capture(job))

    async def refund(self, job: Job) -> Outcome:
        """Give back `amount` of `payment_reference`, or let go of what is only authorised.

        succeeded has `reference`; waiting, the bank takes its time; failed has `failure_code`.
        """
        if job["provider"] != PROVIDER:
            return Outcome("succeeded", {"reference": job["key"], "amount": job["amount"]})
        void = job["payment_status"] == "authorized"
        return await answered(self._void(job) if void else self._refund(job))

    async def _charge(self, job: Job) -> Outcome:
        # Stripe forgets keys after a day, and replays its own faults until then: so an earlier
        # attempt is looked up first. The search may lag, and that long the key holds.
        earlier = await self._known_intent(job) if job["starts"] > 1 else None
        return of_intent(earlier or await self._create(job), job["currency"])

    async def _known_intent(self, job: Job) -> PaymentIntent | None:
        if job["reference"]:
            return await self._stripe.v1.payment_intents.retrieve_async(job["reference"])
        return await self._find(KEY_NAME, job["key"])

    async def _find(self, name: str, value: str) -> PaymentIntent | None:
        """The intent with this metadata."""
        query = f'metadata["{name}"]:"{value}"'
        found = await self._stripe.v1.payment_intents.search_async({"query": query, "limit": 1})
        return found.data[0] if found.data else None

    async def _create(self, job: Job) -> PaymentIntent:
        return await self._stripe.v1.payment_intents.create_async(
            {
                "amount": job["amount"] * factor(job["currency"]),
                "currency": job["currency"].lower(),
                "payment_method": job["payment_method"],
                "confirm": True,
                "capture_method": "automatic" if job["capture"] == "at_once" else "manual",
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "metadata": {
                    "order_id": job["order_id"],
                    "order_number": str(job["number"]),
                    KEY_NAME: job["key"],
                },
            },
            {"idempotency_key": job["key"]},
        )

    async def _forestall(self, job: Job) -> Outcome:
        """Make sure that the order's key never charges, or find out that it has.

        An intent that takes no money is made under the same key. Whoever comes late with the
        charge, be it a worker that slept for hours, is refused by Stripe: the key is used up.
        """
        earlier = await self._known_intent(job)
        if earlier is None:
            return await self._use_up_key(job)
        if earlier.status == "requires_action":
            earlier = await self._stripe.v1.payment_intents.cancel_async(earlier.id)
        return of_intent(earlier, job["currency"])

    async def _use_up_key(self, job: Job) -> Outcome:
        try:
            await self._create_unpaid(job)
        except stripe.APIError:
            # Stripe may have made it all the same; it then replays its own fault for a day.
            if await self._find(_FORESTALLED, job["key"]) is None:
                raise
        return not_charged(None, None, "canceled")

    async def _create_unpaid(self, job: Job) -> None:
        await self._stripe.v1.payment_intents.create_async(
            {
                "amount": job["amount"] * factor(job["currency"]),
                "currency": job["currency"].lower(),
                "metadata": {"order_id": job["order_id"], _FORESTALLED: job["key"]},
            },
            {"idempotency_key": job["key"]},
        )

    async def _capture(self, job: Job) -> Outcome:
        if job["starts"] > 1:
            known = await self._stripe.v1.payment_intents.retrieve_async(job["payment_reference"])
            if known.status != "requires_capture":
                return of_intent(known, job["currency"])
        taken = await self._stripe.v1.payment_intents.capture_async(
            job["payment_reference"], {}, {"idempotency_key": job["key"]}
        )
        return of_intent(taken, job["currency"])

    async def _void(self, job: Job) -> Outcome:
        intent = await self._stripe.v1.payment_intents.retrieve_async(job["payment_reference"])
        if intent.status == "requires_capture":
            intent = await self._stripe.v1.payment_intents.cancel_async(
                intent.id, {}, {"idempotency_key": job["key"]}
            )
        if intent.status != "canceled":
            return Outcome.retry(f"payment intent {intent.id} is {intent.status}")
        return Outcome("succeeded", {"reference": f"{intent.id}:void", "amount": job["amount"]})

    async def _refund(self, job: Job) -> Outcome:
        earlier = await self._known_refund(job) if job["starts"] > 1 else None
        try:
            made = earlier or await self._create_refund(job)
        except stripe.InvalidRequestError as error:
            by_hand = await self._refund_by_hand(job) if error.code == _ALREADY_REFUNDED else None
            if by_hand is None:
                raise
            made = by_hand
        return of_refund(made, job["currency"])

    async def _known_refund(self, job: Job) -> Refund | None:
        if job["reference"]:
            return await self._stripe.v1.refunds.retrieve_async(job["reference"])
        made = await self._refunds_of(job)
        return next((one for one in made if _key_of(one) == job["key"]), None)

    async def _refund_by_hand(self, job: Job) -> Refund | None:
        """Somebody gave back just this at the provider's dashboard: that is what was asked for."""
        amount = job["amount"] * factor(job["currency"])
        made = await self._refunds_of(job)
        return next((one for one in made if not _key_of(one) and one.amount == amount), None)

    async def _refunds_of(self, job: Job) -> list[Refund]:
        made = await self._stripe.v1.refunds.list_async(
            {"payment_intent": job["payment_reference"], "limit": 100}
        )
        return made.data

    async def _create_refund(self, job: Job) -> Refund:
        return await self._stripe.v1.refunds.create_async(
            {
                "payment_intent": job["payment_reference"],
                "amount": job["amount"] * factor(job["currency"]),
                "metadata": {"order_id": job["order_id"], KEY_NAME: job["key"]},
            },
            {"idempotency_key": job["key"]},
        )


def _key_of(refund: Refund) -> object:
    return refund.metadata.to_dict().get(KEY_NAME) if refund.metadata else None
