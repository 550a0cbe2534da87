"""Mails over real SMTP: what is sent, refused, tried again, and not known."""

import asyncio
import email
from collections.abc import AsyncIterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default

import pytest

from functions.emails.message import UnusableAddress, compose, parse_recipient
from functions.emails.render import Mail
from functions.emails.send import Mailer
from functions.emails.settings import MailServer, parse_mailbox
from functions.kit.queue import Outcome
from local_stack.ports import HOST, Ports
from tests.functions.sink import Sink

SENDER = parse_mailbox("Café Nord <orders@example.com>")
RECIPIENT = parse_recipient("ana@example.org")
MAIL = Mail("Your order 1042", "Grüße\n.\nA line of a single dot is above.\n", "<p>Grüße</p>")


@pytest.fixture
async def mailer(sink: Sink) -> AsyncIterator[Mailer]:
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{sink.port}"), SENDER, timeout=0.5)
    yield mailer
    await mailer.close()


def message(email_id: str = "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11") -> EmailMessage:
    return compose(MAIL, SENDER, RECIPIENT, email_id)


async def send(mailer: Mailer) -> Outcome:
    return await mailer.send(message(), RECIPIENT)


async def test_a_mail_arrives_whole(sink: Sink, mailer: Mailer) -> None:
    assert await send(mailer) == Outcome("sent")
    (envelope,) = sink.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("orders@example.com", ["ana@example.org"])
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii()
    read = email.message_from_bytes(envelope.content, policy=default)
    assert isinstance(read, EmailMessage)
    assert read["From"] == "Café Nord <orders@example.com>"
    assert read["To"] == "ana@example.org"
    assert read["Subject"] == "Your order 1042"
    assert read["Message-ID"] == "<6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    text, html = read.get_body(["plain"]), read.get_body(["html"])
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().strip() == MAIL.html


async def test_a_connection_is_used_again(sink: Sink, mailer: Mailer) -> None:
    assert [(await send(mailer)).status for _ in range(3)] == ["sent"] * 3
    assert (len(sink.mails), sink.connections) == (3, 1)


async def test_many_at_once_do_not_mix(sink: Sink, mailer: Mailer) -> None:
    outcomes = await asyncio.gather(
        *(mailer.send(message(f"id-{number}"), RECIPIENT) for number in range(20))
    )
    assert {outcome.status for outcome in outcomes} == {"sent"}
    found = {
        str(envelope.content).split("Message-ID: <")[1].split("@")[0] for envelope in sink.mails
    }
    assert found == {f"id-{number}" for number in range(20)}


@pytest.mark.parametrize(
    ("command", "answer", "status"),
    [
        ("RCPT", "550 No such user", "failed"),
        ("RCPT", "450 Mailbox busy", "retry"),
        ("RCPT", "421 Closing", "retry"),
        ("RCPT", "hang", "retry"),
        ("RCPT", "drop", "retry"),
        ("MAIL", "553 Sender not allowed", "retry"),
        ("MAIL", "451 Later", "retry"),
        ("MAIL", "drop", "retry"),
        ("DATA", "554 Refused", "failed"),
        ("DATA", "452 Disk full", "retry"),
        ("DATA", "hang", "unknown"),
        ("DATA", "drop", "unknown"),
        ("DATA", "299 What", "unknown"),
    ],
)
async def test_answers_of_the_server(
    sink: Sink, mailer: Mailer, command: str, answer: str, status: str
) -> None:
    sink.answers = {command: answer}
    outcome = await send(mailer)
    assert outcome.status == status
    assert outcome.error
    assert sink.mails == []
    sink.answers = {}
    assert await send(mailer) == Outcome("sent"), "the next one is not harmed"


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    sink: Sink, mailer: Mailer
) -> None:
    await send(mailer)
    (idle,) = mailer._idle
    assert idle.transport
    idle.transport.close()
    assert await send(mailer) == Outcome("sent")
    assert sink.connections == 2


async def test_nobody_listening_is_tried_again() -> None:
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{Ports.free().smtp}"), SENDER)
    outcome = await send(mailer)
    assert (outcome.status, bool(outcome.error)) == ("retry", True)


async def test_a_password_never_travels_in_the_clear(sink: Sink) -> None:
    url = f"smtp://user:canary@{HOST}:{sink.port}"
    mailer = Mailer(MailServer.of_url(url), SENDER, timeout=0.5)
    outcome = await send(mailer)
    assert outcome.status == "retry"
    assert "canary" not in str(outcome)
    assert (sink.logins, sink.mails) == (0, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "@example.org",
        "ana@example.org, eve@example.org",
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org\nRCPT TO:<eve@example.org>",
        "<ana@example.org>",
        "Ana <ana@example.org>",
        "ana eve@example.org",
        "änä@example.org",
        "ana@" + "x" * 64 + ".org",
        "ana@exa mple.org",
    ],
)
def test_what_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(UnusableAddress):
        parse_recipient(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana+shop@example.org", "ana+shop@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert parse_recipient(text).addr_spec == address


def test_headers_cannot_be_added_by_what_a_mail_says() -> None:
    hostile = "Order\r\nBcc: eve@example.org"
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        compose(Mail(hostile, "", ""), SENDER, RECIPIENT, "id")
    body = compose(Mail("Order", hostile, hostile), SENDER, RECIPIENT, "id")
    assert body["Bcc"] is None
    assert [name for name, _ in body.items()][:3] == ["From", "To", "Subject"]
    assert isinstance(RECIPIENT, Address)


@pytest.mark.parametrize(("command", "status"), [("RCPT", "retry"), ("DATA", "unknown")])
async def test_what_is_known_of_a_mail_when_the_process_stops(
    sink: Sink, command: str, status: str
) -> None:
    sink.answers = {command: "hang"}
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{sink.port}"), SENDER)
    sending = asyncio.create_task(send(mailer))
    await asyncio.wait_for(sink.hanging.wait(), 10)
    sending.cancel()
    assert (await sending).status == status
