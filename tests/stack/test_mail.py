"""The mail service, through real SMTP and HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from local_stack import mail
from local_stack.errors import StackError
from local_stack.mail import mailbox
from local_stack.ports import HOST, Ports
from local_stack.settings import Settings

PIXEL = b"\x89PNG\r\n\x1a\n"


class Client:
    """A mail client and a Mailpit client in one."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.http = http

    async def send(self, message: EmailMessage | bytes, **options: Any) -> str:  # noqa: ANN401 - aiosmtplib's
        options = {"sender": "shop@example.com", "recipients": ["ana@example.com"]} | options
        _, reply = await aiosmtplib.send(
            message, hostname=HOST, port=self.settings.ports.smtp, start_tls=False, **options
        )
        return reply.rpartition(" ")[2]

    async def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        async with self.http.get(path, raise_for_status=True) as response:
            return await response.json()

    async def status(self, method: str, path: str, body: str | None = None) -> int:
        async with self.http.request(method, path, data=body) as response:
            return response.status


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(tmp_path, Ports.free())


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Client]:
    async with mail.serve(settings), aiohttp.ClientSession(settings.mail_url) as http:
        yield Client(settings, http)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    async with running(settings) as client:
        yield client


def letter(subject: str = "Hello", text: str = "Good day.", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "The Shop <shop@example.com>"
    message["To"] = "Ana Lima <ana@example.com>"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    return message


def order_mail() -> EmailMessage:
    message = letter("Your order", "Thank you.", Cc="bo@example.com")
    page = '<html><head></head><p>Thank you.</p><img src="cid:logo"><script>alert(1)</script>'
    message.add_alternative(page, subtype="html")
    message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<logo>")  # type: ignore[union-attr, index]
    message.add_attachment(b"<svg/>", maintype="image", subtype="svg+xml", filename="bill.svg")
    return message


async def test_a_sent_message_is_listed_as_mailpit_lists_it(client: Client) -> None:
    message = letter("Größe 🎉", "Good\n\n  day.")
    message["Message-ID"] = "<order-1@example.com>"
    mail_id = await client.send(message)

    listing = await client.get("/api/v1/messages")

    assert {name: listing[name] for name in listing if name != "messages"} == {
        "total": 1,
        "unread": 1,
        "count": 1,
        "messages_count": 1,
        "messages_unread": 1,
        "start": 0,
        "tags": [],
    }
    [summary] = listing["messages"]
    assert summary["ID"] == mail_id
    assert summary["MessageID"] == "order-1@example.com"
    assert summary["From"] == {"Name": "The Shop", "Address": "shop@example.com"}
    assert summary["To"] == [{"Name": "Ana Lima", "Address": "ana@example.com"}]
    assert summary["Cc"] == summary["Bcc"] == summary["ReplyTo"] == summary["Tags"] == []
    assert summary["Subject"] == "Größe 🎉"
    assert summary["Snippet"] == "Good day."
    assert summary["Attachments"] == 0
    assert summary["Read"] is False
    assert summary["Size"] > 0
    assert summary["Created"].endswith("+00:00")


async def test_reading_a_message_shows_its_parts_and_marks_it_read(client: Client) -> None:
    mail_id = await client.send(order_mail())

    message = await client.get(f"/api/v1/message/{mail_id}")

    assert message["ID"] == mail_id
    assert message["Text"].strip() == "Thank you."
    assert "<p>Thank you.</p>" in message["HTML"]
    assert message["ReturnPath"] == "shop@example.com"
    assert [part["ContentID"] for part in message["Inline"]] == ["logo"]
    assert [part["FileName"] for part in message["Attachments"]] == ["bill.svg"]
    assert message["Attachments"][0]["Size"] == len(b"<svg/>")
    assert await client.get("/api/v1/message/latest") == message
    listing = await client.get("/api/v1/messages")
    assert (listing["unread"], listing["messages"][0]["Read"]) == (0, True)
    assert listing["messages"][0]["Attachments"] == 1


async def test_the_source_and_the_headers_are_those_sent(client: Client) -> None:
    mail_id = await client.send(letter("Plain", "Body", **{"X-Order": "1042"}))

    async with client.http.get(f"/api/v1/message/{mail_id}/raw") as response:
        source = await response.text()
        assert response.content_type == "text/plain"
    headers = await client.get(f"/api/v1/message/{mail_id}/headers")

    assert "X-Order: 1042\r\n" in source
    assert source.endswith("Body\r\n")
    assert headers["X-Order"] == ["1042"]


async def test_recipients_that_no_header_names_are_blind_copies(client: Client) -> None:
    await client.send(letter(), recipients=["Ana@example.com", "a@example.com", "boss@example.com"])

    [summary] = (await client.get("/api/v1/messages"))["messages"]

    assert [copy["Address"] for copy in summary["Bcc"]] == ["a@example.com", "boss@example.com"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("to:ana", {"one", "two"}),
        ("to:ana@example.com subject:one", {"one"}),
        ("from:shop", {"one", "two", "three"}),
        ('"number two"', {"two"}),
        ("NUMBER -subject:two", {"one", "three"}),
        ("to:nobody", set()),
    ],
)
async def test_search_finds_by_field_and_text(client: Client, query: str, found: set[str]) -> None:
    for word in ("one", "two", "three"):
        message = letter(word, f"This is number {word}.")
        if word == "three":
            message.replace_header("To", "bo@example.com")
        await client.send(message, recipients=[message["To"]])

    async with client.http.get("/api/v1/search", params={"query": query}) as response:
        listing = await response.json()

    assert {message["Subject"] for message in listing["messages"]} == found
    assert (listing["messages_count"], listing["total"]) == (len(found), 3)


async def test_the_list_is_newest_first_and_comes_in_pages(client: Client) -> None:
    for number in range(5):
        await client.send(letter(str(number)))

    page = await client.get("/api/v1/messages?start=1&limit=2")

    assert [message["Subject"] for message in page["messages"]] == ["3", "2"]
    assert (page["start"], page["count"], page["total"]) == (1, 2, 5)


async def test_messages_are_deleted_one_by_one_and_all_at_once(client: Client) -> None:
    ids = [await client.send(letter(str(number))) for number in range(3)]

    body = f'{{"IDs": ["{ids[0]}", "unknown"]}}'
    assert await client.status("DELETE", "/api/v1/messages", body) == 200
    assert (await client.get("/api/v1/messages"))["total"] == 2
    assert await client.status("GET", f"/api/v1/message/{ids[0]}") == 404
    assert await client.status("DELETE", "/api/v1/messages") == 200
    assert (await client.get("/api/v1/info"))["Messages"] == 0
    assert list((client.settings.home / "mail").iterdir()) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/message/latest", None, 404),
        ("GET", "/api/v1/message/..%2f..%2fkeys.json", None, 404),
        ("GET", "/api/v1/message/latest/part/1", None, 404),
        ("GET", "/view/none.html", None, 404),
        ("GET", "/api/v1/messages?limit=-1", None, 400),
        ("GET", "/api/v1/messages?start=abc", None, 400),
        ("GET", "/api/v1/messages?start=99999999999999999999", None, 400),
        ("GET", "/api/v1/search?query=", None, 400),
        ("DELETE", "/api/v1/messages", "{not json", 400),
        ("DELETE", "/api/v1/messages", "\\xff", 400),
        ("DELETE", "/api/v1/messages", "[" * 100_000, 400),
        ("DELETE", "/api/v1/messages", '{"IDs": [1]}', 400),
        ("POST", "/api/v1/messages", "{}", 405),
        ("GET", "/livez", None, 200),
        ("GET", "/readyz", None, 200),
    ],
)
async def test_requests_get_the_right_status(
    client: Client, method: str, path: str, body: str | None, status: int
) -> None:
    assert await client.status(method, path, body) == status


@pytest.mark.parametrize(("domain", "code"), [("refused.example", 550), ("later.example", 451)])
async def test_a_test_can_ask_for_a_bad_address(client: Client, domain: str, code: int) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refusal:
        await client.send(letter(), recipients=[f"ana@{domain}"])

    assert refusal.value.recipients[0].code == code
    assert (await client.get("/api/v1/messages"))["total"] == 0


async def test_international_addresses_and_eight_bit_bodies_arrive(client: Client) -> None:
    raw = "From: josé@example.com\r\nTo: zoë@example.com\r\nSubject: Olá\r\n\r\nCafé\r\n".encode()
    options = {"mail_options": ["SMTPUTF8", "BODY=8BITMIME"]}

    await client.send(raw, sender="josé@example.com", recipients=["zoë@example.com"], **options)

    message = await client.get("/api/v1/message/latest")
    assert message["From"]["Address"] == "josé@example.com"
    assert (message["Subject"], message["Text"]) == ("Olá", "Café\r\n")
    assert message["Bcc"] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: \xff\xfe\r\nFrom: <<>>@\r\n\r\n\xff\x00",
        b"Subject: =?nonsense?q?x?= =?utf-8?b?!!!?=\r\n\r\n",
        b"Subject: " + b"=?a?q?\r\n " * 20_000 + b"\r\n\r\n",
        b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n\r\n",
        b"Content-Type: text/plain; charset=idna\r\n\r\nx",
        b"Content-Type: text/html; charset=unicode_escape\r\n\r\n\\ud800",
        b"Content-Type: text/html\r\n\r\n" + b"<style \r\n" * 100_000,
        b"Content-Type: multipart/mixed\r\n\r\n--\r\n",
        b"Content-Type: text/plain; name*9*=x''y; name*a=1\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!",
    ],
)
async def test_whatever_a_stranger_sends_can_be_read(client: Client, raw: bytes) -> None:
    mail_id = await client.send(raw)

    for path in ("", "/headers", "/raw"):
        assert await client.status("GET", f"/api/v1/message/{mail_id}{path}") == 200
    assert await client.status("GET", f"/view/{mail_id}.html") == 200
    assert (await client.get("/api/v1/search?query=from:x%20-y"))["total"] == 1


@pytest.mark.parametrize(
    "raw",
    [
        "".join(f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n" for n in range(2_000)),
        "To: " + "((((((((\n " * 1_000 + "\n\n",
    ],
    ids=["parts", "comments"],
)
async def test_endless_nesting_is_refused_or_read(client: Client, raw: str) -> None:
    """Which of the two depends on the Python: its parser has learnt to give up later."""
    code, mail_id = 250, ""
    try:
        mail_id = await client.send(raw.encode())
    except aiosmtplib.SMTPDataError as refusal:
        code = refusal.code
    assert code in (250, 554)
    if mail_id:
        assert await client.status("GET", f"/api/v1/message/{mail_id}") == 200
    assert await client.status("GET", "/livez") == 200


async def test_a_message_over_ten_megabytes_is_refused(client: Client) -> None:
    lines = b"Subject: big\r\n\r\n" + b"x" * 78 + b"\r\n"

    with pytest.raises(aiosmtplib.SMTPResponseException) as refusal:
        await client.send(lines + (b"x" * 78 + b"\r\n") * 140_000)

    assert refusal.value.code == 552
    assert (await client.get("/api/v1/messages"))["total"] == 0


async def test_a_line_without_end_is_cut_off(client: Client) -> None:
    reader, writer = await asyncio.open_connection(HOST, client.settings.ports.smtp)
    writer.write(b"EHLO me\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
    await reader.readuntil(b"354 ")

    async def send_without_end() -> None:
        for _ in range(1_000):
            writer.write(b"x" * 100_000)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await send_without_end()
    writer.close()


async def test_a_hundred_recipients_and_no_more(client: Client) -> None:
    recipients = [f"r{number}@example.com" for number in range(101)]

    async with aiosmtplib.SMTP(hostname=HOST, port=client.settings.ports.smtp) as smtp:
        refused, _ = await smtp.send_message(letter(), recipients=recipients)

    assert {address: reply.code for address, reply in refused.items()} == {"r100@example.com": 452}


async def test_messages_and_what_was_read_survive_a_restart(settings: Settings) -> None:
    async with running(settings) as client:
        read = await client.send(order_mail())
        await client.get(f"/api/v1/message/{read}")
        await client.send(letter("unread"))
        before = await client.get("/api/v1/messages")
    (settings.home / "mail" / "half.new").touch()

    async with running(replace(settings, ports=Ports.free())) as client:
        assert await client.get("/api/v1/messages") == before
    assert not (settings.home / "mail" / "half.new").exists()


async def test_the_oldest_messages_make_room(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MAX_MESSAGES", 3)
    for number in range(5):
        await client.send(letter(str(number)))

    listing = await client.get("/api/v1/messages")
    assert [message["Subject"] for message in listing["messages"]] == ["4", "3", "2"]

    monkeypatch.setattr(mailbox, "MAX_BYTES", 1_700)
    await client.send(letter("large", "word " * 250))
    assert [m["Subject"] for m in (await client.get("/api/v1/messages"))["messages"]] == ["large"]
    assert len(list((client.settings.home / "mail").iterdir())) == 1


async def test_a_message_whose_file_was_taken_away_is_gone(client: Client) -> None:
    mail_id = await client.send(letter())
    (client.settings.home / "mail" / f"{mail_id}.eml").unlink()

    assert await client.status("GET", f"/api/v1/message/{mail_id}") == 404
    assert (await client.get("/api/v1/messages"))["total"] == 0


async def test_a_home_that_cannot_keep_mail_is_named(settings: Settings) -> None:
    (settings.home / "mail").write_text("a file where the folder should be")

    with pytest.raises(StackError, match="Cannot keep mail in"):
        async with mail.serve(settings):
            pass


async def test_the_inbox_page_allows_no_foreign_script(client: Client) -> None:
    async with client.http.get("/") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]

    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    for path, kind in [("/inbox.js", "text/javascript"), ("/inbox.css", "text/css")]:
        assert f'"{path}"' in page
        async with client.http.get(path) as response:
            assert (response.status, response.content_type) == (200, kind)


async def test_a_messages_html_is_shown_without_its_scripts(client: Client) -> None:
    mail_id = await client.send(order_mail())

    async with client.http.get(f"/view/{mail_id}.html") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    async with client.http.get(f"/api/v1/message/{mail_id}/part/3") as response:
        assert (response.content_type, await response.read()) == ("image/png", PIXEL)
    async with client.http.get(f"/api/v1/message/{mail_id}/part/4") as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment"

    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert f'src="/api/v1/message/{mail_id}/part/3"' in page
    assert '<base target="_blank">' in page
