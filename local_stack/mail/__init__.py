"""The mail service: a real SMTP server whose messages go to an inbox and Mailpit's HTTP API.

Every message is accepted and nothing leaves this machine, except that a test may ask for trouble:
a recipient at `refused.example` is refused for good (550), one at `later.example` for now (451).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_stack.mail import api, smtp
from local_stack.mail.mailbox import Mailbox
from local_stack.settings import Settings


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[None]:
    """Receive mail on `ports.smtp` and show it on `ports.mail` while the context is open.

    Raises:
        StackError: the messages cannot be kept in the stack's home.
        OSError: one of the ports is taken.
    """
    mailbox = await Mailbox.open(settings.home / "mail")
    async with (
        smtp.serve(mailbox, settings.ports.smtp),
        api.serve(mailbox, settings.ports.mail),
    ):
        yield
