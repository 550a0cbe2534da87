"""The message of a mail, in the form that goes over the wire."""

from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from functions.emails.render import Mail

_ENCODING = "quoted-printable"


class UnusableAddress(Exception):  # noqa: N818 - says what happened
    """No mail can be addressed to this text."""


def parse_recipient(text: str) -> Address:
    """A bare address; its domain in the form that DNS knows.

    Raises:
        UnusableAddress: it is no address, more than one, or not ASCII before the @.
    """
    try:
        address = Address(addr_spec=text)
        return Address(username=address.username, domain=address.domain.encode("idna").decode())
    except (ValueError, IndexError, MessageError) as error:  # the parser's, at a sudden end
        raise UnusableAddress("mail cannot be addressed to this recipient") from error


def compose(mail: Mail, sender: Address, recipient: Address, email_id: str) -> EmailMessage:
    """A text with an HTML alternative. The same `email_id` always has the same Message-ID."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{email_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte=_ENCODING)
    message.add_alternative(mail.html, subtype="html", cte=_ENCODING)
    return message
