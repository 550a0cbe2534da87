"""The saga of an order, as data: which event starts which step, its effect and its time-out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from functions.kit.queue import Job, Outcome
from functions.orders.payments import Payments
from functions.orders.shipping import Carrier


@dataclass(frozen=True)
class Providers:
    """Those outside of the database that steps speak to."""

    payments: Payments
    carrier: Carrier


@dataclass(frozen=True)
class Step:
    """An effect outside of the database. Trying it again has the same key, so it happens once."""

    name: str
    starts_on: str
    """The event type that makes it due."""
    effect: Callable[[Providers, Job], Awaitable[Outcome]]
    timeout: float
    """Seconds for one delivery, well below the queue's lease."""


SAGA = (
    Step("charge", "order.placed", lambda providers, job: providers.payments.charge(job), 30),
    Step("ship", "order.paid", lambda providers, job: providers.carrier.ship(job), 30),
)
STARTS = {step.starts_on: step.name for step in SAGA}
"""What the claim verb takes: {event type: step}."""

_STEPS = {step.name: step for step in SAGA}


async def perform(providers: Providers, job: Job) -> Outcome:
    """Run the effect of the job's step within its time-out."""
    step = _STEPS[job["step"]]
    try:
        async with asyncio.timeout(step.timeout):
            return await step.effect(providers, job)
    except TimeoutError:
        return Outcome.retry(f"{step.name} took longer than {step.timeout} s")
