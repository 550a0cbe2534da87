"""What Prometheus may know of the shop's business: sums by currency and kind, nothing of an order.

These count at least once: an event whose worker died is counted again by the next. What counts
exactly once are the read models in the database.
"""

from prometheus_client import Counter, Histogram

from functions.kit.metrics import REGISTRY

_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 300, 900, 3600, 4 * 3600, 86400, 3 * 86400, 7 * 86400)

ORDERS_PROCESSED = Counter(
    "orderbase_orders_processed", "Orders that came to their good end.", registry=REGISTRY
)
ORDER_AMOUNT = Counter(
    "orderbase_order_amount_minor",
    "Totals of these orders, in minor units of their currency.",
    ("currency",),
    registry=REGISTRY,
)
ORDERS_FAILED = Counter(
    "orderbase_orders_failed",
    "Orders that could not be paid, had or shipped.",
    ("reason",),
    registry=REGISTRY,
)
PROCESSING_SECONDS = Histogram(
    "orderbase_order_processing_seconds",
    "Time from the placing of an order to its good end.",
    registry=REGISTRY,
    buckets=_BUCKETS,
)
ACCOUNTS_CREATED = Counter("orderbase_accounts_created", "New accounts.", registry=REGISTRY)
