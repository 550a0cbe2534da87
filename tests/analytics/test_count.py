"""What the function does with events: business metrics here, and the books in the database."""

from typing import Any

import pytest

from functions.analytics.count import count
from functions.analytics.function import analytics
from functions.kit.app import create_app
from tests.functions.engine import Engine, message, running, until
from tests.functions.serving import serving
from tests.functions.working import sample

ORDER: dict[str, Any] = {"currency": "EUR", "total": 1299, "seconds": 4.5}
METRICS = {
    "orderbase_orders_processed_total": {},
    "orderbase_order_amount_minor_total": {"currency": "EUR"},
    "orderbase_order_processing_seconds_sum": {},
    "orderbase_order_processing_seconds_count": {},
    "orderbase_orders_failed_total": {"reason": "payment_failed"},
    "orderbase_accounts_created_total": {},
}
COUNTED: dict[str, dict[str, float]] = {
    "order.completed": {
        "orderbase_orders_processed_total": 1,
        "orderbase_order_amount_minor_total": 1299,
        "orderbase_order_processing_seconds_sum": 4.5,
        "orderbase_order_processing_seconds_count": 1,
    },
    "order.payment_failed": {"orderbase_orders_failed_total": 1},
    "user.created": {"orderbase_accounts_created_total": 1},
    "order.placed": {},
    "order.cancelled": {},
    "order.refund_completed": {},
    "order.of_the_future": {},
}


def samples() -> dict[str, float]:
    return {name: sample(name, **labels) for name, labels in METRICS.items()}


@pytest.mark.parametrize("kind", COUNTED)
async def test_an_event_counts_as_what_it_is(kind: str) -> None:
    before = samples()
    outcome = await count(message(1, type=kind, **ORDER))
    assert (outcome.status, outcome.data) == ("applied", {})
    new = {name: value - before[name] for name, value in samples().items()}
    assert {name: value for name, value in new.items() if value} == COUNTED[kind]


async def test_failures_are_told_apart_by_what_went_wrong() -> None:
    reasons = ("payment_failed", "out_of_stock", "shipping_failed")
    before = {reason: sample("orderbase_orders_failed_total", reason=reason) for reason in reasons}
    for reason in reasons:
        await count(message(1, type=f"order.{reason}", **ORDER))
    for reason in reasons:
        assert sample("orderbase_orders_failed_total", reason=reason) == before[reason] + 1


async def test_a_whole_batch_is_worked_off_and_each_result_bears_its_fence() -> None:
    async with running(Engine()) as engine:
        events = {100 + number: message(number, type="order.paid", **ORDER) for number in range(90)}
        engine.due = [event | {"starts": starts} for starts, event in events.items()]
        async with serving(create_app("analytics", engine.settings(), analytics())) as client:
            await until(lambda: len(engine.results) == 90)
            async with client.get("/health/ready") as response:
                assert response.status == 200
    assert {verb for verb, _ in engine.calls} == {
        "queue_policy", "claim_analytics", "finish_analytics",
    }  # fmt: skip
    assert {row["outcome"] for row in engine.results} == {"applied"}
    assert sorted(row["starts"] for row in engine.results) == list(events)
    assert set(engine.results[0]) == {"message_id", "starts", "outcome", "data"}
