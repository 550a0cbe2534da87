"""The function: it delivers what it claims, reports what came of it, and keeps its secrets."""

import io
import logging
from collections.abc import AsyncIterator

import pytest

from functions.kit.app import create_app
from functions.kit.logs import JsonFormatter
from functions.webhooks.function import webhooks
from functions.webhooks.settings import WebhookSettings
from tests.functions.engine import Engine, running, until
from tests.functions.serving import serving
from tests.webhooks.receiver import SECRET, Receiver


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """A running stand-in of the database's verbs."""
    async with running(Engine()) as engine:
        yield engine


async def worked_off(engine: Engine, **settings: object) -> list[tuple[str, str | None]]:
    """Outcomes and errors of what was due, once it is reported."""
    wanted = len(engine.due)
    environment = WebhookSettings.model_validate(engine.environment(**settings))
    async with serving(create_app("webhooks", environment, webhooks(environment))) as client:
        async with client.get("/health/ready") as response:
            assert response.status == 200
        await until(lambda: len(engine.results) == wanted)
    return [(row["outcome"], row.get("error")) for row in engine.results]


async def test_each_job_is_delivered_and_reported_with_its_receipt(
    engine: Engine, receiver: Receiver
) -> None:
    engine.due = [receiver.job(message_id=number, starts=number + 5) for number in range(1, 4)]
    outcomes = await worked_off(engine, webhooks_allow_loopback=True)
    assert outcomes == [("delivered", None)] * 3
    assert sorted((row["message_id"], row["starts"]) for row in engine.results) == [
        (1, 6), (2, 7), (3, 8),
    ]  # fmt: skip
    assert {row["data"]["status_code"] for row in engine.results} == {204}
    assert len(receiver.bodies) == 3


async def test_unless_it_is_allowed_this_machine_is_not_called(
    engine: Engine, receiver: Receiver
) -> None:
    secure = receiver.url.replace("http://", "https://")
    engine.due = [receiver.job(message_id=1), receiver.job(message_id=2, url=secure)]
    outcomes = await worked_off(engine)
    assert sorted(str(error) for _, error in outcomes) == ["address_refused", "url_refused"]
    assert receiver.bodies == []


async def test_a_job_that_makes_no_sense_harms_no_other(engine: Engine, receiver: Receiver) -> None:
    engine.due = [
        receiver.job(message_id=1, secrets=None),
        receiver.job(message_id=2, body=None),
        receiver.job(message_id=3),
    ]
    outcomes = await worked_off(engine, webhooks_allow_loopback=True)
    assert sorted(outcome for outcome, _ in outcomes) == ["broken", "broken", "delivered"]


async def test_no_secret_no_address_and_no_content_is_logged(
    engine: Engine, receiver: Receiver
) -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("functions").addHandler(handler)
    logging.getLogger("functions").setLevel(logging.DEBUG)
    try:
        url = f"{receiver.url}?token=canary"
        engine.due = [
            receiver.job(message_id=1, url=url),
            receiver.job(message_id=2, url=url.replace("http:", "ftp:")),
            receiver.job(message_id=3, url=url, secrets=[SECRET, None]),
        ]
        await worked_off(engine, webhooks_allow_loopback=True)
    finally:
        logging.getLogger("functions").removeHandler(handler)
        logging.getLogger("functions").setLevel(logging.NOTSET)
    said = output.getvalue()
    assert "batch" in said
    for secret in (SECRET, SECRET.removeprefix("whsec_"), "canary", "a.b"):
        assert secret not in said
