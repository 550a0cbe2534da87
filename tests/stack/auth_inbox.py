"""A real SMTP server on the stack's port, and what Auth sent to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local_stack.ports import HOST
from local_stack.settings import Settings


class Inbox:
    """What the SMTP server took, newest last."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - the server calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"

    def newest(self, recipient: str) -> EmailMessage:
        """The newest mail to this address."""
        return next(mail for mail in reversed(self.mails) if mail["To"] == recipient)

    def text(self, recipient: str, kind: str = "plain") -> str:
        """The plain or HTML text of the newest mail to this address."""
        part = self.newest(recipient).get_body((kind,))
        assert part is not None
        text: str = part.get_content()
        return text

    def last(self, recipient: str) -> tuple[str, str]:
        """Path and query of the link, and the code, in the newest mail to this address."""
        return self.link(recipient), self.code(recipient)

    def link(self, recipient: str) -> str:
        """Path and query of the link in the newest mail to this address."""
        link = re.search(r"(http\S+/verify\S+)", self.text(recipient))
        assert link is not None
        return link[1].partition("/auth/v1")[2]

    def token_hash(self, recipient: str) -> str:
        """What the link in the newest mail to this address carries."""
        return parse_qs(urlsplit(self.link(recipient)).query)["token"][0]

    def code(self, recipient: str) -> str:
        """The code in the newest mail to this address."""
        code = re.search(r"code: (\d+)", self.text(recipient))
        assert code is not None
        return code[1]


@contextmanager
def open_inbox(settings: Settings) -> Iterator[Inbox]:
    """Take mails while the context is open."""
    inbox = Inbox()
    server = Controller(inbox, hostname=HOST, port=settings.ports.smtp)
    server.start()
    try:
        yield inbox
    finally:
        server.stop()
