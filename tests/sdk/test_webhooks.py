"""Webhooks of the shop: the peer is Standard Webhooks' own library, which signs."""

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from orderbase import Money, WebhookEvent, WebhookRefused, webhooks

SECRET = f"whsec_{base64.b64encode(b'a secret of thirty-two bytes, ok').decode()}"
OTHER = f"whsec_{base64.b64encode(b'b secret of thirty-two bytes, ok').decode()}"
NOW = 1_700_000_000
ORDER_ID = "00000000-0000-4000-8000-000000000001"
PAID = {
    "type": "order.paid",
    "timestamp": "2026-11-01T12:00:00.123456Z",
    "data": {
        "position": "12-34",
        "order": {
            "id": ORDER_ID, "number": 7, "status": "paid", "version": 2, "total": 1250,
            "currency": "EUR", "placed_at": "2026-11-01T11:59:00.000000Z",
            "items": [{"product_id": ORDER_ID, "quantity": 1, "unit_price": 1250}],
        },
    },
}  # fmt: skip
BODY = json.dumps(PAID)


def headers(body: str = BODY, secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body),
    }


def verify(body: str | bytes = BODY, **changes: Any) -> WebhookEvent:  # noqa: ANN401
    arguments: dict[str, Any] = {"headers": headers(), "secrets": SECRET, "now": NOW, **changes}
    return webhooks.verify(body, **arguments)


@pytest.mark.parametrize("body", [BODY, BODY.encode()])
def test_an_event_is_read(body: str | bytes) -> None:
    event = verify(body)
    assert (event.id, event.type, event.position) == ("msg_1", "order.paid", "12-34")
    assert event.timestamp == datetime(2026, 11, 1, 12, 0, 0, 123456, UTC)
    assert event.order is not None
    assert (event.order.status, event.order.total) == ("paid", Money(1250, "EUR"))
    assert event.order.items[0].unit_price == 1250
    assert event.data == PAID["data"]


def test_an_event_may_be_about_no_order() -> None:
    body = json.dumps({"type": "webhook.test", "timestamp": PAID["timestamp"], "data": {}})
    event = verify(body, headers=headers(body))
    assert (event.type, event.order, event.position) == ("webhook.test", None, None)


def test_while_a_secret_is_changed_both_are_good() -> None:
    for signed_with in (SECRET, OTHER):
        assert verify(headers=headers(secret=signed_with), secrets=[SECRET, OTHER]).id == "msg_1"


def test_the_shop_may_sign_with_both() -> None:
    both = headers()
    both["Webhook-Signature"] = (
        f"{headers(secret=OTHER)['Webhook-Signature']} v1a,x " + both["Webhook-Signature"]
    )
    assert verify(headers=both).id == "msg_1"


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (BODY, {"Webhook-Id": "\udcff"}),
        (BODY, {"Webhook-Signature": "v1,\udcff"}),
        (BODY + "\udcff", {}),
    ],
)
def test_what_is_no_text_is_refused(body: str, changed: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused) as refusal:
        verify(body, headers=headers() | changed)
    assert refusal.value.code == "signature_mismatch"


@pytest.mark.parametrize("changed", [{"now": math.nan}, {"tolerance": math.nan}])
def test_no_number_is_no_time(changed: dict[str, Any]) -> None:
    with pytest.raises(WebhookRefused):
        verify(**changed)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_clocks_may_differ_a_little(seconds: int) -> None:
    assert verify(now=NOW + seconds).id == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_message_is_refused(seconds: int) -> None:
    with pytest.raises(WebhookRefused) as refusal:
        verify(now=NOW + seconds)
    assert refusal.value.code == "timestamp_out_of_tolerance"


def test_by_default_now_is_now() -> None:
    with pytest.raises(WebhookRefused):
        verify(now=None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": BODY + " "}, "signature_mismatch"),
        ({"secrets": OTHER}, "signature_mismatch"),
        ({"headers": headers() | {"Webhook-Id": "msg_2"}}, "signature_mismatch"),
        ({"headers": headers() | {"Webhook-Timestamp": str(NOW + 1)}}, "signature_mismatch"),
        ({"headers": headers() | {"Webhook-Signature": ""}}, "signature_mismatch"),
        ({"headers": headers() | {"Webhook-Signature": "v1,ü"}}, "signature_mismatch"),
        ({"headers": headers() | {"Webhook-Timestamp": "soon"}}, "invalid_timestamp"),
        ({"headers": headers() | {"Webhook-Timestamp": f"-{NOW}"}}, "invalid_timestamp"),
        ({"headers": headers() | {"Webhook-Timestamp": "9" * 400}}, "invalid_timestamp"),
        ({"headers": {}}, "header_missing"),
        ({"body": "{}", "headers": headers("{}")}, "unreadable_event"),
        ({"body": "", "headers": headers("")}, "unreadable_event"),
    ],
)
def test_what_is_not_proven_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(WebhookRefused) as refusal:
        verify(**changes)
    assert refusal.value.code == code


@pytest.mark.parametrize("secrets", ["", [], "whsec_", ["whsec_?"], [SECRET, ""]])
def test_a_secret_that_is_none_is_a_mistake(secrets: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        verify(secrets=secrets)
