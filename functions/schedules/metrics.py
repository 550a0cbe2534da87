"""What Prometheus may know of the clock."""

from prometheus_client import Gauge

from functions.kit.metrics import REGISTRY

JOB_AGE = Gauge(
    "orderbase_job_age_seconds",
    "How long ago the latest run of a job was scheduled that is done.",
    ("job",),
    registry=REGISTRY,
)
