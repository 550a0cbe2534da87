"""What an event means to Prometheus; the read models are the database's own affair."""

from functions.analytics.metrics import (
    ACCOUNTS_CREATED,
    ORDER_AMOUNT,
    ORDERS_FAILED,
    ORDERS_PROCESSED,
    PROCESSING_SECONDS,
)
from functions.kit.queue import Job, Outcome

_FAILURES = ("payment_failed", "out_of_stock", "shipping_failed")


async def count(job: Job) -> Outcome:
    """Count it here, and have the database count it in the read models."""
    kind = job["type"].removeprefix("order.")
    if kind == "completed":
        ORDERS_PROCESSED.inc()
        ORDER_AMOUNT.labels(job["currency"]).inc(job["total"])
        PROCESSING_SECONDS.observe(job["seconds"])
    elif kind in _FAILURES:
        ORDERS_FAILED.labels(kind).inc()
    elif kind == "user.created":
        ACCOUNTS_CREATED.inc()
    return Outcome("applied")
