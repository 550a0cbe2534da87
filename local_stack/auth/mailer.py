"""The mails of Auth, handed to the stack's SMTP server."""

import asyncio
import logging
import smtplib
from collections.abc import Mapping
from email.message import EmailMessage

from local_stack.auth.errors import AuthError, invalid
from local_stack.auth.templates import Templates, plain_text
from local_stack.ports import HOST

log = logging.getLogger(__name__)

_SENDER = "noreply@localhost"
_TIMEOUT = 5


class Mailer:
    """Sends by SMTP to one port of this machine."""

    def __init__(self, port: int, templates: Templates) -> None:
        self._port = port
        self._templates = templates

    async def send(self, recipient: str, kind: str, values: Mapping[str, object]) -> None:
        """Send one kind of mail, its placeholders filled with `values`.

        Raises:
            AuthError: 400, the server refuses the address; 500, it does not take the mail.
        """
        subject, html = self._templates.render(kind, values)
        message = EmailMessage()
        message["From"] = _SENDER
        message["To"] = recipient
        message["Subject"] = subject
        message.set_content(plain_text(html))
        message.add_alternative(html, subtype="html")
        await asyncio.to_thread(self._send, message)

    def _send(self, message: EmailMessage) -> None:
        try:
            with smtplib.SMTP(HOST, self._port, timeout=_TIMEOUT) as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise invalid("Unable to send to this email address") from error
        except (OSError, smtplib.SMTPException) as error:
            log.warning("The mail server did not take a mail: %s", type(error).__name__)
            raise AuthError(500, "unexpected_failure", "Error sending email") from error
