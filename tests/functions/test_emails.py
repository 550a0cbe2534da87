"""The emails function as a whole: jobs in, mails and outcomes out."""

from typing import Any

import pytest

from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit.database import Database
from local_stack.ports import HOST
from tests.functions.engine import Engine, until
from tests.functions.jobs import ORDER_ID, mail_job
from tests.functions.sink import Sink


def mail(number: int, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return mail_job("order_confirmation") | {
        "message_id": number,
        "email_id": f"mail-{number}",
        **changed,
    }


@pytest.fixture
def settings(engine: Engine, sink: Sink) -> EmailSettings:
    return EmailSettings.model_validate(
        engine.environment(
            smtp_url=f"smtp://{HOST}:{sink.port}", web_url="https://shop.example.com"
        )
    )


async def test_only_claimed_mails_are_sent(
    engine: Engine,
    database: Database,
    settings: EmailSettings,
    sink: Sink,
) -> None:
    engine.due = [
        mail(1),
        mail(2, status="sent"),
        mail(3, status="unknown"),
        mail(4, recipient="not an address"),
        mail(5, template="no_such_template"),
        mail(6, template="order_cancelled"),
    ]
    async with emails(settings).open(database) as running:
        assert running.worker
        running.worker.wake()
        await until(lambda: len(engine.results) == 6)
        await running.worker.stop(1)
    assert engine.outcomes() == ["sent", "settled", "settled", "failed", "broken", "sent"]
    assert len(sink.mails) == 2
    first = min(engine.results, key=lambda row: int(row["message_id"]))
    assert first == {
        "message_id": 1,
        "order_id": ORDER_ID,
        "email_id": "mail-1",
        "claims": 1,
        "outcome": "sent",
        "data": {},
    }
