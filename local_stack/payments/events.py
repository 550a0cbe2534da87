"""The kinds of events, and which of them a webhook endpoint wants."""

from collections.abc import Collection

KINDS = frozenset(
    {
        "charge.captured",
        "charge.expired",
        "charge.failed",
        "charge.refund.updated",
        "charge.refunded",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)


def enabled(names: Collection[str]) -> frozenset[str]:
    """The kinds that are meant, as in `enabled_events` of Stripe's endpoints; `*` is all.

    Raises:
        ValueError: there is no such event.
    """
    if "*" in names:
        return KINDS
    if unknown := sorted(set(names) - KINDS):
        raise ValueError(f"no such event: {', '.join(unknown)}")
    return frozenset(names)
