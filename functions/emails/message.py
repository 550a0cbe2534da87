"""The message of a mail, in the form that goes over the wire.

The standard library takes ten times as long to make a message as it takes to write the mail that is
in it. So the bytes are put together here, from few and simple parts.
"""

from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.utils import format_datetime

from functions.emails.line import one_line
from functions.emails.render import Mail

_BOUNDARY = "=_alternative"
"""Never found in quoted-printable text, where every = begins a number or ends a line."""
_MAX_SUBJECT = 200
_MAX_PLAIN = 60
_WORD_BYTES = 39
"""Their encoded word leaves room for `Subject: ` on a line of 76."""


def compose(mail: Mail, sender: Address, recipient: str, email_id: str) -> bytes:
    """A text with an HTML alternative. The same `email_id` always has the same Message-ID.

    Raises:
        ValueError: a header would hold something else than one line of ASCII.
    """
    headers = [
        f"From: {_phrase(sender.display_name)}<{_plain(sender.addr_spec)}>",
        f"To: {_plain(recipient)}",
        f"Subject: {_subject(mail.subject)}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: <{_plain(email_id)}@{sender.domain}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"',
    ]
    if mail.unsubscribe:
        headers.append(f"List-Unsubscribe: <{_plain(mail.unsubscribe)}>")
    head = "".join(f"{header}\r\n" for header in headers).encode("ascii")
    parts = (_part("plain", mail.text), _part("html", mail.html))
    return b"\r\n".join((head, *parts, f"--{_BOUNDARY}--\r\n".encode()))


def _phrase(name: str) -> str:
    """A name as it stands before an address."""
    if not name:
        return ""
    if name.isascii() and "=?" not in name and len(name) <= _MAX_PLAIN:
        return '"' + _plain(name).replace("\\", "\\\\").replace('"', '\\"') + '" '
    return f"{_encoded_words(one_line(name))} "


def _plain(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("a header would hold something else than one line of ASCII")
    return value


def _subject(text: str) -> str:
    text = one_line(text)
    if len(text) > _MAX_SUBJECT:
        text = f"{text[: _MAX_SUBJECT - 1]}…"
    if text.isascii() and len(text) <= _MAX_PLAIN and "=?" not in text:
        return _plain(text)
    return _encoded_words(text)


def _encoded_words(text: str) -> str:
    """RFC 2047: nothing in them means anything to a parser of headers."""
    words = (f"=?utf-8?b?{b64encode(piece).decode()}?=" for piece in _pieces(text.encode()))
    return "\r\n ".join(words)


def _pieces(text: bytes) -> Iterator[bytes]:
    """Pieces that an encoded word can hold; none begins within a character."""
    start = 0
    while start < len(text):
        end = start + _WORD_BYTES
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[start:end]
        start = end


def _part(subtype: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    body = b2a_qp(lines.replace("\n", "\r\n").encode("utf-8", "replace"))
    head = (
        f"--{_BOUNDARY}",
        f"Content-Type: text/{subtype}; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    return "\r\n".join(head).encode() + body
