"""The orders function: its queue, and the saga that works it off."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Worker
from functions.orders.settings import OrderSettings
from functions.orders.shipping import Carrier, ManualShipping, TestCarrier

if TYPE_CHECKING:
    from functions.orders.engine import Engine
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
        async with AsyncExitStack() as clients:
            engine = cache(lambda: _engine(settings, clients))
            events = cache(lambda: _events(settings, database))

            async def perform(job: Job) -> Outcome:
                return await engine().perform(job)

            async def receive(headers: Mapping[str, str], body: bytes) -> None:
                await events().receive(headers, body)

            worker = Worker(queue_of(database), perform, hooks=hooks)
            yield Running(worker, {"stripe": receive})

    return Function(_NAME, running, receives=("stripe",), feeds=("emails",))


# Both are made when they are first needed: the import of Stripe's package takes as long as that of
# all else, and a process answers without it.
def _engine(settings: OrderSettings, clients: AsyncExitStack) -> "Engine":
    from functions.orders.engine import Engine  # noqa: PLC0415
    from functions.orders.payments import Payments  # noqa: PLC0415
    from functions.orders.saga import SAGA, Providers  # noqa: PLC0415

    payments = Payments(settings)
    clients.push_async_callback(payments.close)
    return Engine(SAGA, Providers(payments, _CARRIERS[settings.carrier]()))


def _events(settings: OrderSettings, database: Database) -> "StripeEvents":
    from functions.orders.stripe_events import StripeEvents  # noqa: PLC0415

    return StripeEvents(database, settings.stripe_webhook_secret)
