"""A real SMTP server that keeps mails, or answers as a test tells it."""

import asyncio

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Sink:
    """An SMTP server that keeps mails, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.connections = 0
        self.logins = 0
        self.answers: dict[str, str] = {}
        """By command: another answer, `hang` to give none, `drop` to hang up."""
        self.hanging = asyncio.Event()
        self.port = 0

    def protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="sink.example.com",
            auth_require_tls=False,
            authenticator=self._log_in,
        )

    def _log_in(self, *_credentials: object) -> AuthResult:
        self.logins += 1
        return AuthResult(success=True)

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
        if answer == "hang":
            self.hanging.set()
            await asyncio.sleep(30)
        if answer == "drop":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer
