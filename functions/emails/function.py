"""The emails function: its queue, and what becomes of a claimed mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from functools import partial

from functions.emails.message import UnusableAddress, compose, parse_recipient
from functions.emails.render import Renderer
from functions.emails.send import Mailer
from functions.emails.settings import EmailSettings, MailServer, parse_mailbox
from functions.kit.app import Function
from functions.kit.database import Database
from functions.kit.queue import Job, Outcome, Queue
from functions.kit.worker import Worker

_NAME = "emails"


def emails(settings: EmailSettings) -> Function:
    """Mails shoppers about their orders."""

    @asynccontextmanager
    async def worker(database: Database) -> AsyncIterator[Worker]:
        server = MailServer.of_url(settings.smtp_url.get_secret_value())
        sender = parse_mailbox(settings.mail_from)
        renderer = Renderer(settings.shop_name, str(settings.web_url))
        mailer = Mailer(server, sender)
        queue = Queue(database, _NAME, ("order_id", "email_id"))
        try:
            yield Worker(queue, partial(_mail, renderer, sender, mailer))
        finally:
            await mailer.close()

    return Function(_NAME, worker)


async def _mail(renderer: Renderer, sender: Address, mailer: Mailer, job: Job) -> Outcome:
    if job["status"] != "claimed":
        return Outcome("settled")
    try:
        recipient = parse_recipient(job["recipient"])
    except UnusableAddress as error:
        return Outcome("failed", error=str(error))
    message = compose(renderer.render(job), sender, recipient, job["email_id"])
    return await mailer.send(message, recipient)
