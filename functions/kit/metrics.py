"""What Prometheus may know: counts and times by queue, step and service, and nothing of orders."""

import hmac
from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from pydantic import SecretStr

# They are one more series for each counter and histogram, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
"""Ours alone: the library's own would show the interpreter and the process too."""

_VERB_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
_EFFECT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)

JOBS = Counter(
    "orderbase_jobs", "Jobs done, by what became of them.", ("queue", "outcome"), registry=REGISTRY
)
DRAINING = Gauge(
    "orderbase_draining", "1 while a worker looks at its queue.", ("queue",), registry=REGISTRY
)
JOBS_IN_FLIGHT = Gauge(
    "orderbase_jobs_in_flight", "Jobs claimed and not yet finished.", ("queue",), registry=REGISTRY
)
EFFECT_SECONDS = Histogram(
    "orderbase_effect_seconds",
    "Time that an effect outside of the database took.",
    ("queue", "step"),
    registry=REGISTRY,
    buckets=_EFFECT_BUCKETS,
)
CLAIM_SECONDS = Histogram(
    "orderbase_claim_seconds",
    "Time that the claim of a batch took.",
    ("queue",),
    registry=REGISTRY,
    buckets=_VERB_BUCKETS,
)
FINISH_SECONDS = Histogram(
    "orderbase_finish_seconds",
    "Time that recording a batch of results took.",
    ("queue",),
    registry=REGISTRY,
    buckets=_VERB_BUCKETS,
)
BREAKER_STATE = Gauge(
    "orderbase_breaker_state",
    "State of a service's circuit breaker: 0 closed, 1 half-open, 2 open.",
    ("service",),
    registry=REGISTRY,
)
BREAKER_OPENED = Counter(
    "orderbase_breaker_opened",
    "How often a service's circuit breaker opened.",
    ("service",),
    registry=REGISTRY,
)
WAKEUPS = Counter("orderbase_wakeups", "Wake-ups of a queue.", ("queue",), registry=REGISTRY)
WEBHOOKS = Counter(
    "orderbase_webhooks",
    "Webhooks received, by what became of them.",
    ("provider", "result"),
    registry=REGISTRY,
)
REQUESTS = Counter(
    "orderbase_requests",
    "HTTP requests answered, by route and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "orderbase_request_seconds",
    "Time that answering an HTTP request took.",
    ("method", "route"),
    registry=REGISTRY,
    buckets=_VERB_BUCKETS,
)


def add_metrics(app: FastAPI, token: SecretStr | None) -> None:
    """Answer `GET /metrics` to those who bear the token; without one, nothing is there."""
    secret = token.get_secret_value().encode() if token else b""
    if not secret:
        return

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        if not hmac.compare_digest(_bearer(request), secret):
            # Not a Problem, which has no headers; the app makes one of it.
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "Metrics need the bearer token.",
                {"WWW-Authenticate": "Bearer"},
            )
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _bearer(request: Request) -> bytes:
    """The token that the request shows, in the bytes that were sent."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.encode("latin-1") if scheme.lower() == "bearer" else b""
