"""The steps of an order for whoever runs them: the product's own effects, nothing else."""

import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from benchmarks.shop import SHOPPERS, order, shopper
from functions.emails.mail_job import mail
from functions.emails.render import Renderer
from functions.emails.send import Mailer
from functions.emails.settings import EmailSettings, MailServer, parse_mailbox
from functions.orders.payments import Payments
from functions.orders.settings import OrderSettings
from functions.orders.shipping import TestCarrier

CONCURRENCY = 40
"""As that of our own workers."""
POOL = 20
"""Connections, as those that PostgREST keeps for us."""

FOLLOWERS: dict[str, Sequence[str]] = {"charge": ("confirm", "ship"), "ship": ("announce",)}
"""The steps that a step makes due."""
FIRST = "charge"
STEPS = ("charge", "confirm", "ship", "announce")

_ENDED_WELL = ("succeeded", "sent")


class Effects:
    """Charges, ships and mails."""

    def __init__(self) -> None:
        settings = EmailSettings.load()
        sender = parse_mailbox(settings.mail_from)
        self.payments = Payments(OrderSettings.load())
        self.mailer = Mailer(MailServer.of_url(settings.smtp_url.get_secret_value()), sender)
        renderer = Renderer(settings.shop_name, str(settings.web_url))
        self._mail = partial(mail, renderer, sender, self.mailer)
        self._carrier = TestCarrier()

    async def perform(self, step: str, job: dict[str, Any]) -> dict[str, Any]:
        """What is to be recorded of it."""
        match step:
            case "charge":
                outcome = await self.payments.charge(job)
            case "ship":
                outcome = await self._carrier.ship(job)
            case _:
                outcome = await self._mail(job)
        if outcome.status not in _ENDED_WELL:
            raise RuntimeError(f"{step}: {outcome}")
        return job if step in ("confirm", "announce") else dict(outcome.data)


def call_of_place() -> tuple[str, Jsonb]:
    """A random shopper, and three random products: the arguments of `bench.ours`."""
    call = order()
    return shopper(UUID(call["idempotency_key"]).int % SHOPPERS), Jsonb(call["items"])


def paced(count: int, pause: float) -> Iterator[None]:
    """As often as wanted, each after a pause."""
    due = time.monotonic()
    for _ in range(count):
        yield
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


def decode(value: str) -> dict[str, Any]:
    """A job, where the driver leaves JSON as it is."""
    decoded: dict[str, Any] = json.loads(value)
    return decoded
