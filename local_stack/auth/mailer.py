"""The mails of Auth, handed to the stack's SMTP server."""

import asyncio
import logging
import smtplib
from email.message import EmailMessage
from html import escape

from local_stack.auth.errors import AuthError, invalid
from local_stack.ports import HOST

log = logging.getLogger(__name__)

_SENDER = "noreply@localhost"
_TIMEOUT = 5


class Mailer:
    """Sends by SMTP to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def send_link(self, recipient: str, subject: str, link: str, code: str) -> None:
        """Send a link to follow and a code to type in instead.

        Raises:
            AuthError: 400, the server refuses the address; 500, it does not take the mail.
        """
        message = EmailMessage()
        message["From"] = _SENDER
        message["To"] = recipient
        message["Subject"] = subject
        message.set_content(f"{subject}\n\nFollow this link: {link}\n\nOr enter the code: {code}\n")
        message.add_alternative(
            f"<h2>{escape(subject)}</h2>\n"
            f'<p><a href="{escape(link)}">Follow this link</a></p>\n'
            f"<p>Or enter the code: {escape(code)}</p>\n",
            subtype="html",
        )
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
