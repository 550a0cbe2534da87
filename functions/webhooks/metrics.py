"""What Prometheus may know of outgoing webhooks."""

from prometheus_client import Counter

from functions.kit.metrics import REGISTRY

DELIVERIES = Counter(
    "orderbase_webhook_deliveries",
    "Attempts to deliver a webhook, by what came of them.",
    ("result",),
    registry=REGISTRY,
)
