"""Signatures of wake-ups: what is accepted, and everything else."""

import base64
from functools import partial

import pytest
from pydantic import SecretStr

from functions.kit.webhooks import Webhook, WebhookRefused
from tests.functions import signing
from tests.functions.signing import BODY, NOW

SECRET = "whsec_0123456789abcdef0123456789ä"  # noqa: S105 - of a test
Headers = dict[str, str]
headers = partial(signing.headers, SECRET)


def sign(secret: str = SECRET, **message: object) -> str:
    return signing.sign(secret, **message)  # type: ignore[arg-type]


@pytest.fixture
def webhook() -> Webhook:
    return Webhook(SecretStr(SECRET), clock=lambda: NOW)


ACCEPTED = {
    "valid": headers(),
    "first of two signatures": headers(signature=f"{sign()} {sign('another')}"),
    "second of two signatures": headers(signature=f"{sign('another')} {sign()}"),
    "beside another version": headers(signature=f"v1a,AAAA {sign()}"),
    "300 s old": headers(NOW - 300),
    "300 s ahead": headers(NOW + 300),
}


@pytest.mark.parametrize("sent", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(webhook: Webhook, sent: Headers) -> None:
    webhook.verify(sent, BODY)


def without(name: str) -> Headers:
    return {key: value for key, value in headers().items() if key != name}


REFUSED = {
    "another secret": headers(signature=sign("whsec_another")),
    "no id": without("webhook-id"),
    "no timestamp": without("webhook-timestamp"),
    "no signature": without("webhook-signature"),
    "empty signature": headers() | {"webhook-signature": ""},
    "empty id": headers(signature=sign(name="")) | {"webhook-id": ""},
    "another id": headers() | {"webhook-id": "wake_2"},
    "another timestamp": headers() | {"webhook-timestamp": str(NOW + 1)},
    "301 s old": headers(NOW - 301),
    "301 s ahead": headers(NOW + 301),
    "text as timestamp": headers("now"),
    "negative timestamp": headers(-NOW),
    "timestamp with a sign": headers(f"+{NOW}"),
    "timestamp with a fraction": headers(f"{NOW}.0"),
    "timestamp with spaces": headers(f" {NOW}"),
    "timestamp in other digits": headers("١٨٠٠٠٠٠٠٠٠"),
    "endless timestamp": headers("9" * 5000),
    "no version": headers(signature=sign().removeprefix("v1,")),
    "another version": headers(signature="v2," + sign().removeprefix("v1,")),
    "hexadecimal": headers(signature="v1," + base64.b64decode(sign().removeprefix("v1,")).hex()),
    "cut short": headers(signature=sign()[:-1]),
    "longer": headers(signature=sign() + "A"),
    "not ASCII": headers(signature="v1,ä"),
    "joined by commas": headers(signature=f"{sign('another')},{sign()}"),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_refused(webhook: Webhook, sent: Headers) -> None:
    with pytest.raises(WebhookRefused):
        webhook.verify(sent, BODY)


@pytest.mark.parametrize(
    "body", [b"", b'{"queue":  "orders"}', BODY + b"\n", b'{"queue": "emails"}']
)
def test_a_changed_body_is_refused(webhook: Webhook, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        webhook.verify(headers(), body)


def test_the_body_is_bytes_and_need_not_be_text(webhook: Webhook) -> None:
    body = b"\xff\x00\n"
    webhook.verify(headers(signature=sign(body=body)), body)
