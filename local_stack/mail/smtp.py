"""The SMTP server: aiosmtpd's protocol on the stack's own event loop."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

from local_stack.mail.mailbox import Mailbox
from local_stack.mail.message import Message
from local_stack.ports import HOST

MAX_SIZE = 10 * 1024 * 1024
MAX_RECIPIENTS = 100
_IDLE_SECONDS = 60
_REFUSALS = {
    "refused.example": "550 5.1.1 No such mailbox here",
    "later.example": "451 4.3.0 Try again later",
}


@asynccontextmanager
async def serve(mailbox: Mailbox, port: int) -> AsyncIterator[None]:
    """Put every message sent to `port` into the mailbox while the context is open."""
    connections: set[_Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(_Handler(mailbox), connections), HOST, port
    )
    try:
        yield
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()


class _Connection(SMTP):
    """One client; cut off when it sends without end."""

    def __init__(self, handler: "_Handler", connections: "set[_Connection]") -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Orderbase mail",
            timeout=_IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections
        self._unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        # aiosmtpd reads a too large message to its end, and keeps all of a line that never ends.
        self._unanswered += len(data)
        if self._unanswered > 2 * MAX_SIZE:
            self.abort()
        else:
            super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        self._unanswered = 0
        await super().push(status)

    def abort(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class _Handler:
    """What happens at RCPT TO and at the end of DATA; aiosmtpd names the methods."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd's signature
        session: Session,
        envelope: Envelope,  # noqa: ARG002
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        # aiosmtpd answers command after command, however they arrive.
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd's signature
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        domain = address.rpartition("@")[2].lower()
        if domain in _REFUSALS:
            return _REFUSALS[domain]
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd's signature
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            entry = await self._mailbox.add(await asyncio.to_thread(_stamped, envelope, content))
        except RecursionError:
            return "554 5.6.0 The message is nested too deeply"
        except OSError as error:
            return f"452 4.3.1 The message cannot be stored: {error.strerror}"
        return f"250 2.0.0 Queued as {entry.id}"


def _stamped(envelope: Envelope, content: bytes) -> bytes:
    """The message with its sender, and the recipients whom no header names, written on it."""
    message = Message(content.partition(b"\r\n\r\n")[0])
    named = " ".join(message.people(header) for header in ("To", "Cc", "Bcc")).lower().split()
    stamps = _header("Return-Path", f"<{envelope.mail_from}>")
    for address in envelope.rcpt_tos:
        if address.lower() not in named:
            stamps += _header("Bcc", address)
    return stamps + content


def _header(name: str, value: str) -> bytes:
    line = re.sub(r"[\r\n]+", " ", value)
    return f"{name}: {line}\r\n".encode("utf-8", "replace")
