"""Time passes for outgoing webhooks: every moment that is written down moves into the past."""

import psycopg

_MOMENTS = (
    ("public.webhook_deliveries", "due_at"),
    ("public.webhook_deliveries", "leased_until"),
    ("public.webhook_deliveries", "created_at"),
    ("public.webhook_endpoints", "paused_until"),
    ("public.webhook_endpoints", "failing_since"),
    ("private.webhook_secrets", "expires_at"),
)


def let_pass(owner: psycopg.Connection[dict[str, object]], interval: str, endpoint: object) -> None:
    """Move the clock of one endpoint forward, by an interval as Postgres writes it."""
    for table, column in _MOMENTS:
        key = "id" if table.endswith("endpoints") else "endpoint_id"
        statement = f"update {table} set {column} = {column} - %s::interval where {key} = %s"
        owner.execute(statement.encode(), (interval, endpoint))
