"""Handing mails to the mail server, over connections that are used again."""

import asyncio
import contextlib
import re
import ssl
from email.headerregistry import Address
from typing import cast

from aiosmtplib import SMTP, SMTPException

from functions.emails.settings import MailServer
from functions.emails.smtp import Conversation, Gone, Refused, Reply
from functions.kit.queue import Outcome

_TAKEN = 250
_REFUSALS = range(400, 600)
_REFUSALS_FOR_GOOD = range(500, 600)
_POLICY = re.compile(r"\d\.7\.")
"""RFC 3463: the server dislikes who sends; it says nothing of the recipient."""


class NoConnection(Exception):  # noqa: N818 - says what happened
    """The server could not be reached, or not be agreed with; no mail was spoken of."""


class Mailer:
    """One mail server, and the address that mails come from."""

    def __init__(self, server: MailServer, sender: Address, *, timeout: float = 15.0) -> None:
        """`timeout` is the seconds to connect, then to offer a message, then to have it taken."""
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._tls = ssl.create_default_context()
        self._idle: list[Conversation] = []

    async def send(self, message: bytes, recipient: str) -> Outcome:
        """Hand one message over.

        sent; failed, it was refused for good, and `bounced` if the recipient was; retry, it was not
        handed over; unknown, it may have been: no answer came; postponed, there is no server.
        """
        offered = False
        try:
            connection = await self._offer(recipient)
            offered = True
            return _answered(await self._hand_over(connection, message))
        except NoConnection as error:
            return Outcome("postponed", error=str(error))
        except Refused as error:
            return _refused(error)
        # Cancelled: the process stops, and what it knows of this mail must not be lost.
        except (Gone, OSError, TimeoutError, asyncio.CancelledError) as error:
            text = f"{type(error).__name__} {error}".strip()
            return Outcome("unknown" if offered else "retry", error=text)

    async def close(self) -> None:
        """Take leave of the server."""
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(Gone, TimeoutError):
                await asyncio.wait_for(connection.quit(), 1)
            connection.close()

    async def _offer(self, recipient: str) -> Conversation:
        """A connection that nobody else uses meanwhile, and whose server waits for the message."""
        while self._idle:
            connection = self._idle.pop()
            # It may have been closed meanwhile, or just now.
            with contextlib.suppress(Gone):
                return await self._offer_over(connection, recipient)
        return await self._offer_over(await self._connect(), recipient)

    async def _offer_over(self, connection: Conversation, recipient: str) -> Conversation:
        try:
            async with asyncio.timeout(self._timeout):
                await connection.offer(self._sender.addr_spec, recipient)
        except Refused:
            self._idle.append(connection)
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    async def _hand_over(self, connection: Conversation, message: bytes) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):
                reply = await connection.hand_over(message)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return reply

    async def _connect(self) -> Conversation:
        client = self._client()
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect()
                if client.is_ehlo_or_helo_needed:
                    await client.ehlo()
        except (SMTPException, OSError, TimeoutError, asyncio.CancelledError) as error:
            client.close()
            raise NoConnection(f"{type(error).__name__} {error}".strip()) from error
        # Not asyncio.Transport by its class: uvloop has its own.
        transport = cast(asyncio.Transport, client.transport)
        return Conversation(transport, pipelining=client.supports_extension("pipelining"))

    def _client(self) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password.get_secret_value() if server.password else None,
            local_hostname=self._sender.domain,
            use_tls=server.implicit_tls,
            # None: upgraded if the server offers it. A password never travels in the clear.
            start_tls=True if server.password and not server.implicit_tls else None,
            tls_context=self._tls,
            timeout=self._timeout,
        )


def _refused(refusal: Refused) -> Outcome:
    """Before the message was handed over."""
    text, reply = str(refusal), refusal.reply
    # A sender who is refused is the shop's trouble, not this mail's.
    if reply.code not in _REFUSALS_FOR_GOOD or refusal.command not in ("RCPT", "DATA"):
        return Outcome("retry", error=text)
    bounced = refusal.command == "RCPT" and not _POLICY.match(reply.text)
    return Outcome("failed", {"bounced": True} if bounced else {}, text)


def _answered(reply: Reply) -> Outcome:
    """After the message was handed over."""
    if reply.code == _TAKEN:
        return Outcome("sent")
    text = f"the message was answered with {reply}"
    if reply.code in _REFUSALS_FOR_GOOD:
        return Outcome("failed", error=text)
    return Outcome("retry" if reply.code in _REFUSALS else "unknown", error=text)
