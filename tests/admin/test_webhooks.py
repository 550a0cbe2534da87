import re
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from tests.admin.conftest import Admin, Row

URL = "https://127.0.0.1:9/hooks"  # the discard service: nobody answers


@pytest.fixture
def endpoint(admin: Admin) -> Iterator[str]:
    """An endpoint that nobody answers at, told of one kind of event."""
    created = admin.json("webhooks", "create", URL, "--event", "order.needs_attention")
    yield created["endpoint_id"]
    admin.run("webhooks", "delete", created["endpoint_id"], "--yes")


def listed(admin: Admin, endpoint: str) -> Row | None:
    rows: list[Row] = admin.json("webhooks", "list")
    return next((row for row in rows if row["id"] == endpoint), None)


def test_an_endpoint_is_registered_and_its_secret_shown(admin: Admin) -> None:
    said = admin.text("webhooks", "create", URL, "--description", "Ours")
    found = re.match(r"Endpoint (\S+), secret whsec_[A-Za-z0-9+/=]{44}$", said.strip())
    assert found
    row = listed(admin, found[1])
    assert row
    assert (row["url"], row["event_types"], row["active"]) == (URL, ["*"], True)
    assert found[1] in admin.text("webhooks", "list")
    assert admin.refusal("webhooks", "delete", found[1], code=2).endswith("say --yes.")
    admin.text("webhooks", "delete", found[1], "--yes")
    assert listed(admin, found[1]) is None
    assert admin.refusal("webhooks", "test", found[1]) == "There is no such endpoint."


def test_what_cannot_be_is_refused(admin: Admin, endpoint: str) -> None:
    assert "reason: not_https" in admin.refusal("webhooks", "create", "http://example.com/")
    assert "order.unheard_of" in admin.refusal(
        "webhooks", "create", URL, "--event", "order.unheard_of"
    )
    assert "position" in admin.refusal("webhooks", "replay", endpoint, "--after", "x")
    assert admin.refusal("webhooks", "enable", uuid.uuid4()) == "There is no such endpoint."
    assert admin.refusal("webhooks", "redeliver", 0) == "There is no such delivery."


def test_a_test_that_fails_is_listed_sent_again_and_discarded(
    admin: Admin, endpoint: str, owner: psycopg.Connection[Row]
) -> None:
    delivery = admin.json("webhooks", "test", endpoint)["id"]
    deadline = time.monotonic() + 15
    while not (row := admin.json("webhooks", "deliveries", endpoint)[0])["failures"]:
        assert time.monotonic() < deadline, row
        time.sleep(0.02)
    assert (row["id"], row["type"], row["error"]) == (delivery, "webhook.test", "not_connected")
    assert "webhook.test" in admin.text("webhooks", "deliveries", endpoint)
    assert admin.json("webhooks", "deliveries", endpoint, "--failed") == []
    assert admin.json("webhooks", "redeliver", delivery)["id"] == delivery
    assert admin.text("webhooks", "disable", endpoint).strip() == "Nothing is sent to it."
    row = listed(admin, endpoint) or {}
    assert (row["active"], row["disabled_reason"]) == (False, "staff")
    admin.text("webhooks", "enable", endpoint)
    secrets = {admin.json("webhooks", "rotate", endpoint)["secret"] for _ in range(2)}
    assert len(secrets) == 2
    assert admin.json("webhooks", "replay", endpoint, "--after", "9223372036854775806-0") == {
        "replayed": 0
    }
    admin.text("webhooks", "discard", delivery)
