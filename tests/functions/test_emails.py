"""The emails function as a whole: jobs in, mails and outcomes out."""

from typing import Any

import pytest

from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit.database import Database
from local_stack.ports import HOST
from tests.functions.engine import Engine, message, until
from tests.functions.jobs import mail_job
from tests.functions.sink import Sink


def mail(number: int, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    fields = {"email_id": f"mail-{number}", "status": "claimed", "recipient": "ana@example.org"}
    return mail_job("order_confirmation") | message(number, **(fields | changed))


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
        mail(6, template="order_shipped"),
    ]
    async with emails(settings).open(database) as worker:
        worker.wake()
        await until(lambda: len(engine.results) == 6)
        await worker.stop(1)
    assert engine.outcomes() == ["sent", "settled", "settled", "failed", "retry", "sent"]
    assert len(sink.mails) == 2
    assert engine.calls[0] == ("claim_emails", {})
    first = min(engine.results, key=lambda row: int(row["message_id"]))
    assert first == {
        "message_id": 1,
        "reads": 1,
        "order_id": "order-1",
        "email_id": "mail-1",
        "outcome": "sent",
        "data": {},
    }
