"""The emails function: its queue, its renderer and its mail server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial

from functions.emails.settings import EmailSettings, MailServer, parse_mailbox
from functions.kit.app import Function, Running
from functions.kit.breaker import Breaker, BreakerOpen
from functions.kit.database import Database
from functions.kit.hooks import Hooks
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Effect, Worker

_NAME = "emails"
_AT_ONCE = 20
"""Mails are quick, and those in hand are the ones whose fate nobody knows after a crash."""
_NO_ANSWER = ("postponed", "unknown")


def queue_of(database: Database) -> Queue:
    """The queue of events that mails tell of."""
    return Queue(database, _NAME, ("order_id", "email_id", "claims"))


def emails(settings: EmailSettings, hooks: Hooks | None = None) -> Function:
    """Mails people about their orders and accounts, and staff about alarms."""

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        async with AsyncExitStack() as clients:
            effect = cache(lambda: _effect(settings, clients))

            async def perform(job: Job) -> Outcome:
                return await effect()(job)

            worker = Worker(queue_of(database), perform, concurrency=_AT_ONCE, hooks=hooks)
            yield Running(worker)

    return Function(_NAME, running)


def _effect(settings: EmailSettings, clients: AsyncExitStack) -> Effect:
    """Made when it is first needed: a process answers before all this is imported."""
    from functions.emails.mail_job import mail  # noqa: PLC0415
    from functions.emails.render import Renderer  # noqa: PLC0415
    from functions.emails.send import Mailer  # noqa: PLC0415

    sender = parse_mailbox(settings.mail_from)
    renderer = Renderer(settings.shop_name, str(settings.web_url))
    mailer = Mailer(MailServer.of_url(settings.smtp_url.get_secret_value()), sender)
    clients.push_async_callback(mailer.close)
    return _sparing(Breaker("smtp", trouble=()), partial(mail, renderer, sender, mailer))


def _sparing(breaker: Breaker, effect: Effect) -> Effect:
    """Leave the mail server alone for a while when it does not answer."""

    async def perform(job: Job) -> Outcome:
        try:
            with breaker.call() as call:
                outcome = await effect(job)
                if outcome.status in _NO_ANSWER:
                    call.failed()
                elif outcome.status == "settled":
                    call.dropped()
                return outcome
        except BreakerOpen as error:
            return Outcome.postponed(str(error), max(1.0, error.remaining))

    return perform
