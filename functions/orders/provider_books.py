"""What Stripe's own books say of a span of time, as plain data in ISO 4217 minor units."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import stripe
from stripe import PaymentIntent, Refund

from functions.orders.outcomes import factor
from functions.orders.payments import KEY_NAME

_PAGE = 100
_SLICES = 8
_NOT_FOUND = 404
_GIVEN_UP = ("failed", "canceled")

Listing = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment, as the provider has it."""

    reference: str
    status: str
    currency: str
    captured: int = 0
    authorized: int = 0
    order_id: str | None = None
    """By its metadata, as `key`."""
    key: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this shop made it; the account may serve others, too."""
        return self.order_id is not None or self.key is not None


@dataclass(frozen=True, slots=True)
class RefundThere:
    """Money that went back, as the provider has it."""

    reference: str
    payment: str
    amount: int
    status: str = "succeeded"

    @property
    def failed(self) -> bool:
        """Whether the money stayed with the shop, or came back to it."""
        return self.status in _GIVEN_UP


class ProviderBooks:
    """One account at Stripe, read and never written."""

    def __init__(self, api_key: str, api_base: str | None = None, *, at_once: int = 4) -> None:
        """`at_once` is the most requests in flight."""
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=30))
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            max_network_retries=2,
            http_client=self._http,
        ).v1
        self._gate = asyncio.Semaphore(at_once)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def intents(self, since: int) -> list[Intent]:
        """All that were made since then (seconds since 1970)."""
        return [
            _intent(one) for one in await self._all(self._api.payment_intents.list_async, since)
        ]

    async def refunds(self, since: int) -> list[RefundThere]:
        """All that were made since then (seconds since 1970)."""
        return [_refund(one) for one in await self._all(self._api.refunds.list_async, since)]

    async def intent(self, reference: str) -> Intent | None:
        """One of them, or None if the provider has never heard of it."""
        found = await self._one(self._api.payment_intents.retrieve_async, reference)
        return _intent(found) if found else None

    async def refund(self, reference: str) -> RefundThere | None:
        """One of them, or None if the provider has never heard of it."""
        found = await self._one(self._api.refunds.retrieve_async, reference)
        return _refund(found) if found else None

    async def _one(self, retrieve: Listing, reference: str) -> Any:  # noqa: ANN401 - of either kind
        async with self._gate:
            try:
                return await retrieve(reference)
            except stripe.InvalidRequestError as error:
                if error.http_status == _NOT_FOUND:
                    return None
                raise

    async def _all(self, listing: Listing, since: int) -> list[Any]:
        """Pages follow one another, so the span is cut into slices that are read side by side."""
        step = max(1, (int(time.time()) - since) // _SLICES)
        starts = [since + step * number for number in range(_SLICES)]
        ends: list[int | None] = [*starts[1:], None]
        slices = await asyncio.gather(
            *(self._slice(listing, *bounds) for bounds in zip(starts, ends, strict=True))
        )
        return [one for found in slices for one in found]

    async def _slice(self, listing: Listing, start: int, end: int | None) -> list[Any]:
        created = {"gte": start} | ({"lt": end} if end else {})
        request: dict[str, Any] = {"limit": _PAGE, "created": created}
        found: list[Any] = []
        while True:
            async with self._gate:
                page = await listing(request)
            found += page.data
            if not page.has_more or not page.data:
                return found
            request["starting_after"] = page.data[-1].id


def _intent(intent: PaymentIntent) -> Intent:
    currency = intent.currency.upper()
    metadata: Mapping[str, str] = intent.metadata.to_dict()
    return Intent(
        reference=intent.id,
        status=intent.status,
        currency=currency,
        captured=intent.amount_received // factor(currency),
        authorized=intent.amount_capturable // factor(currency),
        order_id=metadata.get("order_id"),
        key=metadata.get(KEY_NAME),
    )


def _refund(refund: Refund) -> RefundThere:
    paid = refund.payment_intent
    return RefundThere(
        reference=refund.id,
        payment=paid if isinstance(paid, str) else paid.id if paid else "",
        amount=refund.amount // factor(refund.currency.upper()),
        status=refund.status or "succeeded",
    )
