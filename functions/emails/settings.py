"""The environment of the emails function."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.policy import SMTP
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, HttpUrl, SecretStr

from functions.emails.address import parse_address
from functions.kit.settings import Settings

_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    username: str | None
    password: SecretStr | None
    implicit_tls: bool

    @classmethod
    def of_url(cls, text: str) -> "MailServer":
        """Read `smtp://user:password@host:port`, or `smtps://` for TLS from the first byte.

        Raises:
            ValueError: it is something else.
        """
        url = urlsplit(text)
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("it must be smtp://user:password@host:port, or smtps://…")
        return cls(
            host=url.hostname,
            port=url.port or _PORTS[url.scheme],
            username=unquote(url.username) if url.username else None,
            password=SecretStr(unquote(url.password)) if url.password else None,
            implicit_tls=url.scheme == "smtps",
        )


def parse_mailbox(text: str) -> Address:
    """The one address in a text like `Orderbase <orders@example.com>`.

    Raises:
        ValueError: it holds none, several, or something else.
    """
    header = SMTP.header_factory("From", text)
    if header.defects or len(header.addresses) != 1 or not text.isprintable():
        raise ValueError("it must be one address, as: Shop <shop@example.com>")
    mailbox: Address = header.addresses[0]
    address = parse_address(mailbox.addr_spec)
    return Address(display_name=mailbox.display_name, addr_spec=address)


def _check_mailbox(text: str) -> str:
    parse_mailbox(text)
    return text


def _check_smtp_url(url: SecretStr) -> SecretStr:
    MailServer.of_url(url.get_secret_value())
    return url


class EmailSettings(Settings):
    """Adds the mail server, and what mails say of the shop."""

    smtp_url: Annotated[SecretStr, AfterValidator(_check_smtp_url)]
    mail_from: Annotated[str, AfterValidator(_check_mailbox)] = "Orderbase <orders@localhost>"
    shop_name: str = "Orderbase"
    web_url: HttpUrl
    """The web shop, which mails link to."""
