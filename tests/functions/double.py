"""The Stripe double as tests use it: with its clock, its faults and its ledger."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from functions.kit.queue import Job, Outcome
from functions.orders.payments import Payments
from functions.orders.settings import OrderSettings
from local_stack.payments import create_app
from tests.functions.engine import SECRET_KEY, WEBHOOK_SECRET

API_KEY = "sk_test_of_a_test"
HOUR = 3600
ORDER_ID = "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11"
KEY = f"order-{ORDER_ID}-charge-1"


def settings(url: str, **more: object) -> OrderSettings:
    """What points a function to a double."""
    return OrderSettings.model_validate(
        {
            "supabase_url": "http://127.0.0.1",
            "supabase_secret_key": SECRET_KEY,
            "webhook_secret": WEBHOOK_SECRET,
            "stripe_api_key": API_KEY,
            "stripe_api_base": url,
        }
        | more
    )


class Stripe:
    """The double."""

    url: str
    now = 1_800_000_000.0

    async def strike(self, mode: str, **settings: object) -> None:
        """From now on, requests meet this fault."""
        await self._ask("PUT", "/_faults", {"mode": mode, **settings})

    async def has_struck(self) -> bool:
        """Whether the fault has met as many requests as it should."""
        faults = await self._ask("GET", "/_faults")
        return all(fault["times"] == 0 for fault in faults)

    async def authenticate(self, reference: object, outcome: str = "succeeded") -> None:
        """The shopper answers the bank's question."""
        await self._ask("POST", f"/_authenticate/{reference}", {"outcome": outcome})

    async def ledger(self, kind: str) -> list[dict[str, Any]]:
        """All intents, charges or refunds."""
        documents: list[dict[str, Any]] = (await self._ask("GET", "/_ledger"))[kind]
        return documents

    async def charges(self) -> list[dict[str, Any]]:
        """Charges that the bank agreed to."""
        return [one for one in await self.ledger("charges") if one["status"] == "succeeded"]

    async def balance(self) -> int:
        """Cents that were taken and not given back."""
        return int((await self._ask("GET", "/_ledger"))["balance"].get("eur", 0))

    @asynccontextmanager
    async def payments(self, patience: float = 20, **more: object) -> AsyncIterator[Payments]:
        """A client, which waits so many seconds for a reply."""
        payments = Payments(settings(self.url, **more), timeout=patience)
        yield payments
        await payments.close()

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        async with aiohttp.request(
            method, self.url + path, json=body, raise_for_status=True
        ) as reply:
            return await reply.json()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stripe]:
    """A double whose ledger is in the folder."""
    double = Stripe()
    app = create_app(folder / "ledger.db", API_KEY, clock=lambda: double.now, durable=False)
    async with TestServer(app) as server:
        double.url = str(server.make_url("")).rstrip("/")
        yield double


def charge_job(payment_method: str = "pm_card_visa", **changed: object) -> Job:
    """The first attempt to charge EUR 19.99."""
    return {
        "order_id": ORDER_ID,
        "number": 1042,
        "step": "charge",
        "key": KEY,
        "starts": 1,
        "reference": None,
        "amount": 1999,
        "currency": "EUR",
        "payment_method": payment_method,
        "capture": "at_once",
        "cancelling": False,
    } | changed


def capture_job(charged: Outcome, **changed: object) -> Job:
    """The first attempt to take what was authorised."""
    return {
        "step": "capture",
        "key": f"order-{ORDER_ID}-capture-1",
        "starts": 1,
        "reference": None,
        "amount": 1999,
        "currency": "EUR",
        "payment_reference": charged.data["reference"],
        "provider": "stripe",
    } | changed


def refund_job(charged: Outcome, **changed: object) -> Job:
    """The first attempt to give EUR 19.99 back."""
    captured = {True: "succeeded", False: "authorized"}
    return {
        "order_id": ORDER_ID,
        "step": "refund",
        "key": f"order-{ORDER_ID}-refund-1",
        "starts": 1,
        "reference": None,
        "amount": 1999,
        "currency": "EUR",
        "reason": "cancelled",
        "payment_reference": charged.data["reference"],
        "payment_status": captured[bool(charged.data["captured"])],
        "provider": "stripe",
    } | changed
