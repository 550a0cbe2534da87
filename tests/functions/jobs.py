"""Jobs as the database hands them out."""

from typing import Any


def mail_job(template: str, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """An order of three things for EUR 1,299.00."""
    return {
        "template": template,
        "number": 1042,
        "order_id": "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11",
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
        "data": {
            "carrier": "test",
            "tracking_number": "TEST000000000001",
            "failure_code": "card_declined",
            "failure_message": "Your card was declined.",
        },
    } | changed
