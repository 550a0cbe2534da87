"""What can happen to an order, as the feed calls it."""

from typing import Literal, TypeAlias

# As the database writes them; a test compares them.
OrderEventType: TypeAlias = Literal[
    "order.placed",
    "order.payment_action_required",
    "order.confirmation_expired",
    "order.cancel_requested",
    "order.paid",
    "order.payment_failed",
    "order.shipped",
    "order.shipping_failed",
    "order.out_of_stock",
    "order.delivered",
    "order.payment_captured",
    "order.completed",
    "order.refund_due",
    "order.refund_completed",
    "order.cancelled",
    "order.refunded",
    "order.needs_attention",
    "order.resumed",
]
"""The types of events that the feed of orders tells. A newer shop may tell others, too."""
