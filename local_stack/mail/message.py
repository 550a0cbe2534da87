"""One received message, parsed forgivingly: mail is whatever a stranger sent."""

import hashlib
import html
import re
from binascii import Error as BinasciiError
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as Mime
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime

MAX_HEADER = 10_000
"""Characters of one header that are looked at; decoding longer ones takes too long."""
_SNIPPET = 250
_MARKUP = re.compile(r"<(/?\w*)[^<>]*>?|([^<]+)")

Json = dict[str, object]


class _Utf8Headers(Compat32):
    """Header values unfolded, otherwise as sent, with the raw UTF-8 of SMTPUTF8 understood."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - its signature
        line = re.sub(r"[\r\n]+", "", value[:MAX_HEADER])
        sent = line.encode("utf-8", "surrogateescape")
        return sent.decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class Part:
    """An attachment, or an image that the HTML shows."""

    part_id: str
    file_name: str
    content_type: str
    content_id: str
    content: bytes
    inline: bool

    def describe(self) -> Json:
        """The part in Mailpit's words; checksums in hexadecimal."""
        content = self.content
        return {
            "PartID": self.part_id,
            "FileName": self.file_name,
            "ContentType": self.content_type,
            "ContentID": self.content_id,
            "Size": len(content),
            "Checksums": {
                "MD5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
                "SHA1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
                "SHA256": hashlib.sha256(content).hexdigest(),
            },
        }


class Message:
    """The headers, bodies and parts of one message."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._mime: Mime = message_from_bytes(raw, policy=_Utf8Headers())
        bodies: dict[str, list[str]] = {"text/plain": [], "text/html": []}
        self.parts: list[Part] = []
        for index, mime in enumerate(_leaves(self._mime), start=1):
            if _is_body(mime):
                bodies[mime.get_content_type()].append(_text(mime))
            else:
                self.parts.append(_part(index, mime))
        self.text = "\n".join(bodies["text/plain"])
        self.html = "\n".join(bodies["text/html"])

    @property
    def subject(self) -> str:
        return _words(self._value("Subject"))

    def people(self, header: str) -> str:
        """The names and addresses in one header, as text."""
        people = self._addresses(header)
        return " ".join(f"{person['Name']} {person['Address']}" for person in people)

    def envelope(self) -> Json:
        """Who wrote what to whom, as Mailpit's summary and detail both say it."""
        senders = self._addresses("From")
        return {
            "MessageID": self._value("Message-ID").strip("<> "),
            "From": senders[0] if senders else {"Name": self._value("From"), "Address": ""},
            "To": self._addresses("To"),
            "Cc": self._addresses("Cc"),
            "Bcc": self._addresses("Bcc"),
            "ReplyTo": self._addresses("Reply-To"),
            "Subject": self.subject,
            "Size": len(self.raw),
            "Tags": [],
            "Username": "",
        }

    def detail(self, received: datetime) -> Json:
        """All but the attachments' contents; Date is `received` where the sender gave none."""
        date = self._date() or received
        return self.envelope() | {
            "ReturnPath": self._value("Return-Path").strip("<> "),
            "Date": date.isoformat(),
            "Text": self.text,
            "HTML": self.html,
            "Inline": [part.describe() for part in self.parts if part.inline],
            "Attachments": [part.describe() for part in self.parts if not part.inline],
        }

    def headers(self) -> dict[str, list[str]]:
        """Every header, undecoded, in the order sent."""
        headers: dict[str, list[str]] = {}
        for name, value in self._mime.items():
            headers.setdefault(name.title(), []).append(value)
        return headers

    def words(self) -> str:
        """The body as one line of plain text."""
        return " ".join((self.text or _visible(self.html)).split())

    def snippet(self) -> str:
        """The first words of the body."""
        return self.words()[:_SNIPPET]

    def page(self, parts_url: str) -> str:
        """The HTML, its own images at `parts_url`/<part ID>, its links opening in a new tab."""
        urls = {part.content_id: f"{parts_url}/{part.part_id}" for part in self.parts}
        page = re.sub(r"cid:([^\s\"'<>)]+)", lambda cid: urls.get(cid[1], cid[0]), self.html)
        base = '<base target="_blank">'
        page, found = re.subn(r"(?i)<head\b[^<>]*>", lambda head: head[0] + base, page, count=1)
        return page if found else base + page

    def _value(self, name: str) -> str:
        return str(self._mime.get(name, ""))

    def _addresses(self, name: str) -> list[dict[str, str]]:
        pairs = getaddresses([str(value) for value in self._mime.get_all(name, [])])
        return [
            {"Name": _words(person), "Address": address} for person, address in pairs if address
        ]

    def _date(self) -> datetime | None:
        try:
            date = parsedate_to_datetime(self._value("Date"))
        except (ValueError, OverflowError):
            return None
        return date if date.tzinfo else date.replace(tzinfo=UTC)


def _visible(page: str) -> str:
    """The text between the tags; one pass, because the page may be 10 MB of bad HTML."""
    texts: list[str] = []
    hidden = ""
    for tag, text in _MARKUP.findall(page):
        name = tag.lower()
        if hidden:
            hidden = "" if name == f"/{hidden}" else hidden
        elif name in {"head", "script", "style"}:
            hidden = name
        else:
            texts.append(text)
    return html.unescape(" ".join(texts))


def _leaves(mime: Mime) -> Iterator[Mime]:
    return (part for part in mime.walk() if not part.is_multipart())


def _is_body(mime: Mime) -> bool:
    if mime.get_content_type() not in {"text/plain", "text/html"}:
        return False
    return mime.get_content_disposition() != "attachment" and not mime.get_filename()


def _content(mime: Mime) -> bytes:
    content = mime.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(mime: Mime) -> str:
    content = _content(mime)
    try:
        text = content.decode(mime.get_content_charset("utf-8"), "replace")
    except (LookupError, UnicodeError):
        text = content.decode("utf-8", "replace")
    # Codecs such as unicode_escape make half characters, which no reply can carry.
    return text.encode("utf-8", "replace").decode()


def _part(index: int, mime: Mime) -> Part:
    content_id = str(mime.get("Content-ID", "")).strip("<> ")
    return Part(
        part_id=str(index),
        file_name=_words(mime.get_filename() or ""),
        content_type=mime.get_content_type(),
        content_id=content_id,
        content=_content(mime),
        inline=bool(content_id) and mime.get_content_disposition() != "attachment",
    )


def _words(value: str) -> str:
    """A header's text with its encoded words (RFC 2047) decoded, or as sent if they cannot be."""
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, UnicodeError, HeaderParseError, BinasciiError):
        return value
