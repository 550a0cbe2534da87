"""The orders function: its queue, and the saga that works it off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from functions.kit.app import Function
from functions.kit.database import Database
from functions.kit.queue import Queue
from functions.kit.worker import Worker
from functions.orders import saga
from functions.orders.payments import Payments
from functions.orders.settings import OrderSettings
from functions.orders.shipping import TestCarrier

_NAME = "orders"


def orders(settings: OrderSettings) -> Function:
    """Charges and ships orders."""

    @asynccontextmanager
    async def worker(database: Database) -> AsyncIterator[Worker]:
        payments = Payments(settings)
        queue = Queue(database, _NAME, ("order_id", "step", "key"), {"steps": saga.STARTS})
        try:
            yield Worker(queue, partial(saga.perform, saga.Providers(payments, TestCarrier())))
        finally:
            await payments.close()

    return Function(_NAME, worker)
