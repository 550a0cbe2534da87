"""Handing mails to the mail server, over connections that are used again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from email.message import EmailMessage

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from functions.emails.settings import MailServer
from functions.kit.queue import Outcome

_REFUSALS = range(400, 600)
_REFUSALS_FOR_GOOD = range(500, 600)


class Mailer:
    """One mail server, and the address that mails come from."""

    def __init__(self, server: MailServer, sender: Address, *, timeout: float = 15.0) -> None:
        """`timeout` is the seconds to connect, then to offer a message, then to have it taken."""
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._idle: list[SMTP] = []

    async def send(self, message: EmailMessage, recipient: Address) -> Outcome:
        """Hand one message over.

        sent; failed, the recipient or the message was refused for good; retry, it was not handed
        over; unknown, it may have been: no answer came.
        """
        offered = False
        try:
            async with self._connection() as connection:
                async with asyncio.timeout(self._timeout):
                    await connection.mail(self._sender.addr_spec)
                    await connection.rcpt(recipient.addr_spec)
                offered = True
                await connection.data(message.as_bytes(), timeout=self._timeout)
        except SMTPResponseException as error:
            return _answered(error)
        # Cancelled: the process stops, and what it knows of this mail must not be lost.
        except (SMTPException, OSError, TimeoutError, asyncio.CancelledError) as error:
            return Outcome("unknown" if offered else "retry", error=type(error).__name__)
        return Outcome("sent")

    async def close(self) -> None:
        """Take leave of the server."""
        while self._idle:
            with contextlib.suppress(SMTPException, OSError):
                await self._idle.pop().quit(timeout=1)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        """A connection that nobody else uses meanwhile; kept if the server always answered."""
        async with asyncio.timeout(self._timeout):
            connection = await self._reuse() or await self._connect()
        try:
            yield connection
        except SMTPResponseException:
            self._idle.append(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    async def _reuse(self) -> SMTP | None:
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(SMTPException, OSError):
                await connection.rset()
                return connection
        return None

    async def _connect(self) -> SMTP:
        server = self._server
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password.get_secret_value() if server.password else None,
            local_hostname=self._sender.domain,
            use_tls=server.implicit_tls,
            # None: upgraded if the server offers it. A password never travels in the clear.
            start_tls=True if server.password and not server.implicit_tls else None,
            timeout=self._timeout,
        )
        try:
            await connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection


def _answered(error: SMTPResponseException) -> Outcome:
    text = f"{type(error).__name__} {error.code} {error.message}"
    about_this_mail = isinstance(error, SMTPRecipientRefused | SMTPDataError)
    if about_this_mail and error.code in _REFUSALS_FOR_GOOD:
        return Outcome("failed", error=text)
    if isinstance(error, SMTPDataError) and error.code not in _REFUSALS:
        return Outcome("unknown", error=text)
    return Outcome("retry", error=text)
