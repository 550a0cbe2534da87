"""The orders function: its queue, and the saga that works it off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Queue
from functions.kit.worker import Worker
from functions.orders.engine import Engine
from functions.orders.payments import Payments
from functions.orders.saga import SAGA, Providers
from functions.orders.settings import OrderSettings
from functions.orders.shipping import Carrier, ManualShipping, TestCarrier
from functions.orders.stripe_events import StripeEvents

_NAME = "orders"
_CARRIERS: dict[str, type[Carrier]] = {"test": TestCarrier, "manual": ManualShipping}


def queue_of(database: Database) -> Queue:
    """The queue of orders that may need a step."""
    return Queue(database, _NAME, ("order_id", "step", "key", "starts"))


def orders(settings: OrderSettings, hooks: Hooks | None = None) -> Function:
    """Charges and ships orders, gives money back, and hears what Stripe has to say."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        payments = Payments(settings)
        engine = Engine(SAGA, Providers(payments, _CARRIERS[settings.carrier]()))
        worker = Worker(queue_of(database), engine.perform, hooks=hooks)
        events = StripeEvents(database, settings.stripe_webhook_secret)
        try:
            yield Running(worker, {"stripe": events.receive})
        finally:
            await payments.close()

    return Function(_NAME, running, receives=("stripe",), feeds=("emails",))
