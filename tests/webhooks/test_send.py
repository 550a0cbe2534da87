"""One attempt: what is sent, what counts as success, and that it always ends."""

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from functions.kit.metrics import REGISTRY
from functions.webhooks.answer import retry_after
from functions.webhooks.send import Sender
from local_stack.ports import HOST, Ports
from tests.webhooks.receiver import OLDER_SECRET, SECRET, Answer, Receiver

Verifier = Callable[[str], "StandardWebhook | SvixWebhook"]
VERIFIERS = pytest.mark.parametrize("verifier", [StandardWebhook, SvixWebhook])
NOW = 1_800_000_000.0


def saying(status: int, body: bytes = b"", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


@VERIFIERS
async def test_public_libraries_accept_what_is_sent(
    sender: Sender, receiver: Receiver, verifier: Verifier
) -> None:
    job = receiver.job()
    outcome = await sender.deliver(job)
    assert (outcome.status, outcome.data["status_code"]) == ("delivered", 204)
    [body], [headers] = receiver.bodies, receiver.headers
    assert body == job["body"].encode()
    verifier(SECRET).verify(body, headers)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "msg_1"
    for changed in (body + b" ", body.replace(b"a.b", b"a.c")):
        with pytest.raises(WebhookVerificationError):
            verifier(SECRET).verify(changed, headers)


@VERIFIERS
async def test_during_a_rotation_both_secrets_fit(
    sender: Sender, receiver: Receiver, verifier: Verifier
) -> None:
    await sender.deliver(receiver.job(secrets=[SECRET, OLDER_SECRET]))
    for secret in (SECRET, OLDER_SECRET):
        verifier(secret).verify(receiver.bodies[0], receiver.headers[0])
    with pytest.raises(WebhookVerificationError):
        verifier("whsec_" + "A" * 32).verify(receiver.bodies[0], receiver.headers[0])


async def test_each_attempt_has_its_own_time(receiver: Receiver) -> None:
    times = iter([NOW, NOW, NOW + 300, NOW + 300])
    async with Sender.open(allow_loopback=True, clock=lambda: next(times)) as sender:
        await sender.deliver(receiver.job())
        await sender.deliver(receiver.job())
    sent = [headers["webhook-timestamp"] for headers in receiver.headers]
    assert sent == ["1800000000", "1800000300"]
    signatures = {headers["webhook-signature"] for headers in receiver.headers}
    assert len(signatures) == 2


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_success(sender: Sender, receiver: Receiver, status: int) -> None:
    receiver.answer = saying(status)
    assert (await sender.deliver(receiver.job())).status == "delivered"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 404, 410, 429, 500, 503])
async def test_anything_else_is_failure_and_no_redirect_is_followed(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.answer = saying(status, Location="/elsewhere", Retry_After="7")
    outcome = await sender.deliver(receiver.job())
    assert (outcome.status, outcome.error) == ("failed", None)
    assert (outcome.data["status_code"], outcome.data["retry_after"]) == (status, 7)
    assert len(receiver.bodies) == 1


async def test_the_answer_is_kept_as_a_short_printable_text(
    sender: Sender, receiver: Receiver
) -> None:
    receiver.answer = saying(400, b"no\0\x1b[31m \xff\n" + "é".encode() * 3000)
    text = (await sender.deliver(receiver.job())).data["response"]
    assert isinstance(text, str)
    assert len(text) == 1000
    assert text.isprintable()
    assert text.startswith("no  [31m")


async def test_an_endless_answer_is_not_read_to_its_end(sender: Sender, receiver: Receiver) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        while sent < 500_000_000:
            await response.write(b"x" * 100_000)
            sent += 100_000
        return response

    receiver.answer = flood
    assert (await sender.deliver(receiver.job())).status == "delivered"
    assert sent < 15_000_000


async def test_a_compressed_answer_is_not_unpacked(sender: Sender, receiver: Receiver) -> None:
    bomb = gzip.compress(b"x" * 10_000_000)
    receiver.answer = saying(200, bomb, Content_Encoding="gzip")
    outcome = await sender.deliver(receiver.job())
    assert outcome.status == "delivered"
    assert "xxxx" not in str(outcome.data["response"])
    assert receiver.headers[0]["accept-encoding"] == "identity"


async def test_who_does_not_answer_has_failed_in_time(receiver: Receiver) -> None:
    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    receiver.answer = hang
    async with Sender.open(allow_loopback=True, seconds=0.3) as sender:
        outcome = await sender.deliver(receiver.job())
    assert (outcome.status, outcome.error) == ("failed", "timed_out")


async def test_a_body_that_never_ends_does_not_undo_its_status(receiver: Receiver) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        await response.write(b"wait")
        await asyncio.sleep(30)
        return response

    receiver.answer = hang
    async with Sender.open(allow_loopback=True, seconds=3) as sender:
        outcome = await sender.deliver(receiver.job())
    assert (outcome.status, outcome.data["response"]) == ("delivered", "wait")


async def test_who_hangs_up_or_is_not_there_has_failed(sender: Sender, receiver: Receiver) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    receiver.answer = hang_up
    assert (await sender.deliver(receiver.job())).error == "no_answer"
    nobody = f"http://{HOST}:{Ports.free().rest}/"
    assert (await sender.deliver(receiver.job(url=nobody))).error == "not_connected"


async def test_who_speaks_another_language_has_failed(sender: Sender, receiver: Receiver) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(babble, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    for scheme, code in (("http", "no_answer"), ("https", "tls_failed")):
        outcome = await sender.deliver(receiver.job(url=f"{scheme}://{HOST}:{port}/"))
        assert (outcome.status, outcome.error) == ("failed", code)
    server.close()


async def test_attempts_are_counted_by_what_came_of_them(
    sender: Sender, receiver: Receiver
) -> None:
    def counted(result: str) -> float:
        name = "orderbase_webhook_deliveries_total"
        return REGISTRY.get_sample_value(name, {"result": result}) or 0

    before = {name: counted(name) for name in ("delivered", "answered_no", "url_refused")}
    await sender.deliver(receiver.job())
    receiver.answer = saying(500)
    await sender.deliver(receiver.job())
    await sender.deliver(receiver.job(url="ftp://example.com/"))
    assert {name: counted(name) - before[name] for name in before} == dict.fromkeys(before, 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("9" * 400, 999_999_999),
        (
            format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(minutes=5), usegmt=True),
            300,
        ),
        (format_datetime(datetime.fromtimestamp(NOW, UTC) - timedelta(minutes=5), usegmt=True), 0),
        ("Fri, 15 Jan 2027 08:05:00 -0000", 300),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0661", None),
        ("Fri, 99 Jan 99999 08:05:00 GMT", None),
        (None, None),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
