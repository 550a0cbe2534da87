"""Jobs as the database hands them out."""

from typing import Any

EMAIL_ID = "6f1f3a52-0d0a-4a2e-9f0e-9f4a3f1f2b7c"
ORDER_ID = "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11"

DATA: dict[str, dict[str, Any]] = {
    "welcome": {"display_name": "Ana Example"},
    "order_confirmation": {},
    "payment_problem": {
        "failure_code": "unheard_of",
        "failure_message": "Your card was declined.",
    },
    "payment_action": {},
    "out_of_stock": {"failure_code": "out_of_stock", "failure_message": "-", "refunded": 129_900},
    "shipping_problem": {
        "failure_code": "unknown_address",
        "failure_message": "The carrier does not know this place.",
        "refunded": 129_900,
    },
    "order_shipped": {"carrier": "test", "tracking_number": "TEST000000000001"},
    "order_refunded": {"amount": 129_900, "full": True},
    "order_cancelled": {},
    "alarm": {
        "kind": "queue_stuck",
        "subject": "emails",
        "detail": "12 messages are older than 5 minutes.",
        "raised_at": "2026-11-02T08:15:00+00:00",
    },
    "daily_report": {
        "day": "2026-11-01",
        "sales": [
            {
                "currency": "EUR", "placed": 12, "paid": 11, "completed": 9, "cancelled": 1,
                "failed": 1, "items": 17, "gross": 129_900, "refunded": 9_900, "net": 120_000,
                "best_sellers": [
                    {"product_id": "a", "name": "Tea & towels", "quantity": 5, "amount": 17_450},
                ],
            },
        ],
    },
}  # fmt: skip
"""What the event of each template says."""

OTHER_TEMPLATES = ("welcome", "alarm", "daily_report")
ORDER_TEMPLATES = [template for template in DATA if template not in OTHER_TEMPLATES]


def mail_job(template: str, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """A claimed mail; about an order of three things for EUR 1,299.00, if it is about one."""
    job = {
        "message_id": 1,
        "email_id": EMAIL_ID,
        "claims": 1,
        "status": "claimed",
        "template": template,
        "recipient": "ana@example.org",
        "language": "en",
        "data": DATA.get(template, {}),
    }
    order = {} if template in OTHER_TEMPLATES else _order()
    return job | order | changed


def _order() -> dict[str, Any]:
    return {
        "number": 1042,
        "order_id": ORDER_ID,
        "placed_at": "2026-11-01T23:30:00.123456+00:00",
        "currency": "EUR",
        "total": 129_900,
        "shipping_address": {
            "name": "Ana Example",
            "line1": "1 Test Street",
            "line2": "Back door",
            "city": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        },
        "items": [
            {"product_id": "a", "name": "Tea & towels", "unit_price": 3490, "quantity": 2},
            {"product_id": "b", "name": "Café table", "unit_price": 122_920, "quantity": 1},
        ],
    }
