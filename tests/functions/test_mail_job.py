"""Claimed mails really sent: their outcomes, and that no text from outside becomes a header."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.emails.mail_job import mail
from functions.emails.message import compose
from functions.emails.render import Mail, Renderer
from functions.emails.send import Mailer
from functions.emails.settings import MailServer, parse_mailbox
from functions.emails.templates import TEMPLATES
from functions.kit.queue import Outcome
from local_stack.ports import HOST
from tests.functions.jobs import EMAIL_ID, ORDER_TEMPLATES, mail_job
from tests.functions.sink import Sink
from tests.functions.test_send import content

SENDER = parse_mailbox("Café Nord <orders@example.com>")
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
HOSTILE = [
    "Ana\r\nBcc: eve@example.org",
    "Ana\nBcc: eve@example.org\n\n<b>Hello</b>",
    "Ana\rBcc: eve@example.org",
    "Ana\0Bcc: eve@example.org",
    "Ana\u2028Bcc: eve@example.org\x85Cc: eve@example.org",
    "Bcc: eve@example.org",
    "=?utf-8?q?Ana=0D=0ABcc:_eve@example.org?=",
    "=?utf-8?b?QW5hDQpCY2M6IGV2ZUBleGFtcGxlLm9yZw==?=",
    "\r\n.\r\nMAIL FROM:<eve@example.org>\r\n",
    "--=_alternative--\r\n",
    "=_alternative",
    "<script>alert(1)</script>",
    "{{7*7}}{number}",
    "=1+1",
    "é" * 10_000,
    "A" * 10_000,
    "👩‍👩‍👧" * 100,
]


@pytest.fixture(params=[False, True], ids=["one by one", "pipelined"])
async def mailer(sink: Sink, request: pytest.FixtureRequest) -> AsyncIterator[Mailer]:
    sink.pipelining = request.param
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{sink.port}"), SENDER, timeout=5)
    yield mailer
    await mailer.close()


async def post(mailer: Mailer, job: dict[str, Any], shop_name: str = "Café Nord") -> Outcome:
    renderer = Renderer(shop_name, "https://shop.example.com/")
    return await mail(renderer, SENDER, mailer, job)


@pytest.mark.parametrize("language", ["en", "de-AT"])
async def test_every_template_arrives(sink: Sink, mailer: Mailer, language: str) -> None:
    renderer = Renderer("Café Nord", "https://shop.example.com/")
    for template in TEMPLATES:
        job = mail_job(template, language=language)
        assert await post(mailer, job) == Outcome("sent")
        read, expected = sink.messages()[-1], renderer.render(job)
        assert read["Subject"] == expected.subject
        assert content(read, "plain") == expected.text
        assert content(read, "html").strip() == expected.html.strip()
        unsubscribe = "<https://shop.example.com/account>" if template == "welcome" else None
        assert read["List-Unsubscribe"] == unsubscribe


@pytest.mark.parametrize("status", ["sent", "unknown", "failed", "queued"])
async def test_only_claimed_mails_are_sent(sink: Sink, mailer: Mailer, status: str) -> None:
    assert await post(mailer, mail_job("welcome", status=status)) == Outcome("settled")
    assert sink.connections == 0


async def test_what_cannot_be_sent(sink: Sink, mailer: Mailer) -> None:
    unusable = await post(mailer, mail_job("welcome", recipient="änä@example.org"))
    assert (unusable.status, unusable.data) == ("failed", {"bounced": True})
    incomplete = await post(mailer, mail_job("order_shipped", data={}))
    assert (incomplete.status, incomplete.data) == ("broken", {})
    assert incomplete.error == "carrier missing, tracking_number missing"
    unheard_of = await post(mailer, mail_job("welcome") | {"template": "newer"})
    assert unheard_of.status == "broken"
    assert sink.connections == 0


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_from_outside_becomes_a_header_a_recipient_or_a_part(
    sink: Sink, mailer: Mailer, text: str
) -> None:
    jobs = [_everywhere(mail_job(template), text) for template in TEMPLATES]
    assert [(await post(mailer, job, shop_name=text)).status for job in jobs] == ["sent"] * len(
        jobs
    )
    assert len(sink.mails) == len(jobs)
    for envelope, read in zip(sink.mails, sink.messages(), strict=True):
        assert envelope.rcpt_tos == ["ana@example.org"]
        assert [name for name in read.keys() if name != "List-Unsubscribe"] == HEADERS  # noqa: SIM118
        assert read["Subject"].isprintable() or "\u200d" in text
        assert [part.get_content_type() for part in read.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
        assert (read.defects, read["Subject"].defects) == ([], ())
        assert isinstance(envelope.content, bytes)
        assert max(map(len, envelope.content.split(b"\r\n"))) <= 78


def _everywhere(job: dict[str, Any], text: str) -> dict[str, Any]:
    """The same job with this text in all of its names."""
    data = {
        key: text if isinstance(value, str) and key not in ("raised_at", "day") else value
        for key, value in job["data"].items()
    }
    if job["template"] not in ORDER_TEMPLATES:
        return job | {"data": data}
    names = dict.fromkeys(("name", "line1", "line2", "city", "postal_code", "country"), text)
    items = [item | {"name": text} for item in job["items"]]
    return job | {"data": data, "shipping_address": names, "items": items}


@pytest.mark.parametrize(
    "recipient",
    [
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org, eve@example.org",
        "ana@example.org>\r\nRCPT TO:<eve@example.org",
        "ana@example.org\0",
        "Bcc: eve@example.org",
        "A" * 10_000,
    ],
)
async def test_an_address_is_one_address(sink: Sink, mailer: Mailer, recipient: str) -> None:
    outcome = await post(mailer, mail_job("welcome", recipient=recipient))
    assert (outcome.status, outcome.data, sink.connections) == ("failed", {"bounced": True}, 0)


async def test_a_domain_of_any_language(sink: Sink, mailer: Mailer) -> None:
    await post(mailer, mail_job("welcome", recipient="ana@straße.example"))
    assert sink.mails[0].rcpt_tos == ["ana@xn--strae-oqa.example"]
    assert sink.messages()[0]["To"] == "ana@xn--strae-oqa.example"


@pytest.mark.parametrize(
    "name", ["Eve, Inc.", 'Say "hi"', "Bcc: eve@example.org", "=?utf-8?q?Bcc?=", "é" * 300, ""]
)
async def test_the_shops_own_name_stays_a_name(sink: Sink, mailer: Mailer, name: str) -> None:
    sender = Address(display_name=name, addr_spec="orders@example.com")
    message = compose(Mail("Hello", "", ""), sender, "ana@example.org", EMAIL_ID)
    assert await mailer.send(message, "ana@example.org") == Outcome("sent")
    (read,) = sink.messages()
    (address,) = read["From"].addresses
    # The standard library's reader puts spaces between encoded words.
    assert address.display_name.replace(" ", "") == name.replace(" ", "")
    assert address.addr_spec == "orders@example.com"
    assert read.keys() == HEADERS


@pytest.mark.parametrize("text", ["a\r\nBcc: eve@example.org", "a\0", "a\u2028b", "ä"])
def test_what_must_be_plain_is_checked_where_it_becomes_a_header(text: str) -> None:
    for recipient, email_id, unsubscribe in ((text, "a", "a"), ("a", text, "a"), ("a", "a", text)):
        with pytest.raises(ValueError, match="one line of ASCII"):
            compose(Mail("", "", "", unsubscribe), SENDER, recipient, email_id)
    with pytest.raises(ValueError, match=r"must be one address|cannot be sent"):
        parse_mailbox(f"{text} <a{text}@example.com>")
    if not text.isprintable():
        with pytest.raises(ValueError, match="must be one address"):
            parse_mailbox(f"{text} <orders@example.com>")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_tls_and_a_password(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """The library greets, upgrades and signs in; what follows is ours, and encrypted too."""
    context = _certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    sink.tls = context if scheme == "smtp" else None
    sink.pipelining = True
    server = await sink.listen(context if scheme == "smtps" else None)
    url = f"{scheme}://user:secret@localhost:{server.sockets[0].getsockname()[1]}"
    mailer = Mailer(MailServer.of_url(url), SENDER, timeout=5)
    job = mail_job("order_shipped")
    assert [await post(mailer, job) for _ in range(2)] == [Outcome("sent")] * 2
    await mailer.close()
    assert (sink.connections, sink.logins, len(sink.mails)) == (1, 1, 2)
    server.close()


def _certified(folder: Path) -> ssl.SSLContext:
    """A server's context, whose certificate for `localhost` lies in the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key_file)
    return context
