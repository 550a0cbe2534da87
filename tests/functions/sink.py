"""A real SMTP server that keeps mails, or answers as a test tells it."""

import asyncio
import email
import ssl
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from local_stack.ports import HOST


class Sink:
    """An SMTP server that keeps mails, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.connections = 0
        self.logins = 0
        self.answers: dict[str, str] = {}
        """By command: another answer, `hang` to give none, `drop` to hang up."""
        self.once = False
        """Each of these answers is given once."""
        self.hanging = asyncio.Event()
        self.pipelining = False
        self.tls: ssl.SSLContext | None = None
        self.port = 0

    def messages(self) -> list[EmailMessage]:
        """The mails, read as a mail program reads them."""
        return [email.message_from_bytes(self._bytes(mail), policy=default) for mail in self.mails]

    @staticmethod
    def _bytes(envelope: Envelope) -> bytes:
        assert isinstance(envelope.content, bytes)
        return envelope.content

    async def listen(self, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Serve on a free port, with TLS from the first byte if a context is given."""
        return await asyncio.get_running_loop().create_server(self.protocol, HOST, 0, ssl=tls)

    def protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="sink.example.com",
            tls_context=self.tls,
            auth_require_tls=False,
            authenticator=self._log_in,
        )

    def _log_in(self, *_credentials: object) -> AuthResult:
        self.logins += 1
        return AuthResult(success=True)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return ["250-PIPELINING", *responses] if self.pipelining else responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._answer(server, "MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._answer(server, "RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = await self._answer(server, "DATA", "250 OK")
        if answer.startswith("250"):
            self.mails.append(envelope)
        return answer

    async def _answer(self, server: SMTP, command: str, usual: str) -> str:
        answer = self.answers.get(command, usual)
        if self.once:
            self.answers.pop(command, None)
        if answer == "hang":
            self.hanging.set()
            await asyncio.sleep(30)
        if answer == "drop":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer
