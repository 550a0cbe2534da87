"""Mails over real SMTP: what is sent, refused, tried again, postponed, and not known."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from functions.emails.address import UnusableAddress, parse_address
from functions.emails.message import compose
from functions.emails.render import Mail
from functions.emails.send import Mailer
from functions.emails.settings import MailServer, parse_mailbox
from functions.kit.queue import Outcome
from local_stack.ports import HOST, Ports
from tests.functions.jobs import EMAIL_ID
from tests.functions.sink import Sink

SENDER = parse_mailbox("Café Nord <orders@example.com>")
RECIPIENT = "ana@example.org"
PATIENCE = 10.0
MAIL = Mail(
    "Your order 1042",
    "Grüße  \n.\nA line of a single dot is above.\n..\n=20\n" + 300 * "ü" + "\n",
    "<p>Grüße</p>\n.",
)


@pytest.fixture(params=[False, True], ids=["one by one", "pipelined"])
async def mailer(sink: Sink, request: pytest.FixtureRequest) -> AsyncIterator[Mailer]:
    sink.pipelining = request.param
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{sink.port}"), SENDER, timeout=PATIENCE)
    yield mailer
    await mailer.close()


def message(email_id: str = EMAIL_ID) -> bytes:
    return compose(MAIL, SENDER, RECIPIENT, email_id)


async def send(mailer: Mailer) -> Outcome:
    return await mailer.send(message(), RECIPIENT)


def content(read: EmailMessage, kind: str) -> str:
    """What a mail program shows."""
    body = read.get_body([kind])
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


async def test_a_mail_arrives_whole(sink: Sink, mailer: Mailer) -> None:
    assert await send(mailer) == Outcome("sent")
    (envelope,), (read,) = sink.mails, sink.messages()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("orders@example.com", ["ana@example.org"])
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii()
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 78
    assert b"\n" not in envelope.content.replace(b"\r\n", b"")
    assert read.defects == []
    assert read["From"] == "Café Nord <orders@example.com>"
    assert read["To"] == "ana@example.org"
    assert read["Subject"] == "Your order 1042"
    assert read["Date"].datetime
    assert read["Message-ID"] == f"<{EMAIL_ID}@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["List-Unsubscribe"] is None
    assert content(read, "plain") == MAIL.text
    assert content(read, "html") == f"{MAIL.html}\n"


def test_lines_end_in_one_way_only() -> None:
    ends = Mail("", "a\rb\nc\r\nd\n\re\r", "a\r.\rb" + 100 * " " + "\r")
    lines = compose(ends, SENDER, RECIPIENT, EMAIL_ID).split(b"\r\n")
    assert not [line for line in lines if b"\r" in line or b"\n" in line]


async def test_a_connection_is_used_again(sink: Sink, mailer: Mailer) -> None:
    assert [(await send(mailer)).status for _ in range(3)] == ["sent"] * 3
    assert (len(sink.mails), sink.connections) == (3, 1)


async def test_many_at_once_do_not_mix(sink: Sink, mailer: Mailer) -> None:
    outcomes = await asyncio.gather(
        *(mailer.send(message(f"id-{number}"), RECIPIENT) for number in range(20))
    )
    assert {outcome.status for outcome in outcomes} == {"sent"}
    found = {str(read["Message-ID"]) for read in sink.messages()}
    assert found == {f"<id-{number}@example.com>" for number in range(20)}


@pytest.mark.parametrize(
    ("command", "answer", "status"),
    [
        ("RCPT", "550 No such user", "bounced"),
        ("RCPT", "550 5.1.1 No such user", "bounced"),
        ("RCPT", "554 5.7.1 Your network is on a list", "failed"),
        ("RCPT", "450 Mailbox busy", "retry"),
        ("RCPT", "421 Closing", "retry"),
        ("RCPT", "hang", "retry"),
        ("RCPT", "drop", "retry"),
        ("MAIL", "553 Sender not allowed", "retry"),
        ("MAIL", "451 Later", "retry"),
        ("MAIL", "drop", "retry"),
        ("MAIL", "what?", "retry"),
        ("DATA", "554 Refused", "failed"),
        ("DATA", "452 Disk full", "retry"),
        ("DATA", "421 Closing", "retry"),
        ("DATA", "hang", "unknown"),
        ("DATA", "drop", "unknown"),
        ("DATA", "299 What", "unknown"),
        ("DATA", "what?", "unknown"),
    ],
)
async def test_answers_of_the_server(
    sink: Sink, mailer: Mailer, command: str, answer: str, status: str
) -> None:
    sink.answers = {command: answer}
    mailer._timeout = 2 if answer == "hang" else PATIENCE
    outcome = await send(mailer)
    assert outcome.status == {"bounced": "failed"}.get(status, status)
    assert outcome.data == ({"bounced": True} if status == "bounced" else {})
    assert outcome.error
    assert sink.mails == []
    sink.answers, mailer._timeout = {}, PATIENCE
    assert await send(mailer) == Outcome("sent"), "the next one is not harmed"
    assert len(sink.mails) == 1


@pytest.mark.parametrize("closing", ["closed", "421 Too many mails"])
async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    sink: Sink, mailer: Mailer, closing: str
) -> None:
    await send(mailer)
    if closing == "closed":
        mailer._idle[0].close()
    else:
        sink.answers, sink.once = {"MAIL": closing}, True
    assert await send(mailer) == Outcome("sent")
    assert (sink.connections, len(sink.mails)) == (2, 2)


async def test_nobody_listening_is_no_attempt() -> None:
    mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{Ports.free().smtp}"), SENDER)
    outcome = await send(mailer)
    assert (outcome.status, bool(outcome.error)) == ("postponed", True)


@pytest.mark.parametrize("greeting", [b"554 Not today\r\n", b"421 Full\r\n", b"hello\r\n", b""])
async def test_a_server_that_does_not_greet_is_no_attempt(greeting: bytes) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await asyncio.sleep(1)
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{port}"), SENDER, timeout=0.2)
        assert (await send(mailer)).status == "postponed"


async def test_a_password_never_travels_in_the_clear(sink: Sink) -> None:
    url = f"smtp://user:canary@{HOST}:{sink.port}"
    mailer = Mailer(MailServer.of_url(url), SENDER, timeout=PATIENCE)
    outcome = await send(mailer)
    assert outcome.status == "postponed"
    assert "canary" not in str(outcome)
    assert (sink.logins, sink.mails) == (0, [])


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "@example.org",
        "ana@example.org, eve@example.org",
        "ana@example.org,eve@example.org",
        "ana@example.org eve@example.org",
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org\nRCPT TO:<eve@example.org>",
        "ana@example.org\n",
        "ana\0@example.org",
        "ana@example.org>\x0bSIZE=1",
        "<ana@example.org>",
        "Ana <ana@example.org>",
        "ana eve@example.org",
        '"ana eve"@example.org',
        "ana@eve@example.org",
        "änä@example.org",
        "ana@" + "x" * 64 + ".org",
        "a" * 65 + "@example.org",
        "ana@" + "ex." * 90 + "org",
        "ana@exa mple.org",
        "ana@-example.org",
        "ana@example..org",
        "ana@[127.0.0.1]",
        "ana@bü\u200bcher。\r\n",
        "=?utf-8?q?ana?=@exämple.org\r",
        "A" * 10_000 + "@example.org",
    ],
)
def test_what_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(UnusableAddress):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana+shop@example.org", "ana+shop@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ana@localhost", "ana@localhost"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@BÜCHER.example", "ana@xn--bcher-kva.example"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("ana@例え.テスト", "ana@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert parse_address(text) == address
