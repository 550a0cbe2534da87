"""What Prometheus is told, and who may ask."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY as GLOBAL_REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from functions.analytics import metrics as analytics_metrics
from functions.kit import metrics
from functions.kit.breaker import Breaker
from functions.kit.metrics import REGISTRY, add_metrics
from functions.kit.problems import answer_problems
from functions.kit.requests import NamedRequests
from functions.schedules import metrics as schedules_metrics
from functions.webhooks import metrics as webhook_metrics
from tests.functions.serving import serving

TOKEN = "token-0123456789-ä"  # noqa: S105 - of a test
Client = aiohttp.ClientSession
LABELS = {
    "orderbase_jobs": {"queue", "outcome"},
    "orderbase_draining": {"queue"},
    "orderbase_jobs_in_flight": {"queue"},
    "orderbase_effect_seconds": {"queue", "step"},
    "orderbase_claim_seconds": {"queue"},
    "orderbase_finish_seconds": {"queue"},
    "orderbase_breaker_state": {"service"},
    "orderbase_breaker_opened": {"service"},
    "orderbase_wakeups": {"queue"},
    "orderbase_webhooks": {"provider", "result"},
    "orderbase_requests": {"method", "route", "status"},
    "orderbase_request_seconds": {"method", "route"},
    "orderbase_webhook_deliveries": {"result"},
    "orderbase_orders_processed": set(),
    "orderbase_order_amount_minor": {"currency"},
    "orderbase_orders_failed": {"reason"},
    "orderbase_order_processing_seconds": set(),
    "orderbase_accounts_created": set(),
    "orderbase_job_age_seconds": {"job"},
}


def app_of(token: SecretStr | None) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(NamedRequests)
    answer_problems(app)
    add_metrics(app, token)
    return app


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with serving(app_of(SecretStr(TOKEN))) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def scrape(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample, by name and labels."""
    async with client.get("/metrics", headers=bearer(TOKEN)) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = text_string_to_metric_families(await response.text())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


def sample(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_what_is_counted_is_shown(client: Client) -> None:
    metrics.JOBS.labels("tested", "succeeded").inc(3)
    metrics.JOBS_IN_FLIGHT.labels("tested").set(2)
    metrics.WAKEUPS.labels("tested").inc()
    metrics.WEBHOOKS.labels("tested", "accepted").inc()
    metrics.CLAIM_SECONDS.labels("tested").observe(0.003)
    metrics.FINISH_SECONDS.labels("tested").observe(0.003)
    metrics.EFFECT_SECONDS.labels("tested", "charge").observe(59)
    shown = await scrape(client)
    assert shown[sample("orderbase_jobs_total", queue="tested", outcome="succeeded")] == 3
    assert shown[sample("orderbase_jobs_in_flight", queue="tested")] == 2
    assert shown[sample("orderbase_wakeups_total", queue="tested")] == 1
    assert shown[sample("orderbase_webhooks_total", provider="tested", result="accepted")] == 1
    for verb in ("claim", "finish"):
        assert shown[sample(f"orderbase_{verb}_seconds_sum", queue="tested")] == 0.003
    effect = {"queue": "tested", "step": "charge"}
    assert shown[sample("orderbase_effect_seconds_bucket", **effect, le="30.0")] == 0
    assert shown[sample("orderbase_effect_seconds_bucket", **effect, le="60.0")] == 1
    assert shown[sample("orderbase_effect_seconds_count", **effect)] == 1
    assert not [name for name, _ in shown if name.endswith("_created")]


async def test_a_breaker_is_shown_as_it_opens(client: Client) -> None:
    state = sample("orderbase_breaker_state", service="tested")
    opened = sample("orderbase_breaker_opened_total", service="tested")
    breaker = Breaker("tested", trouble=(), failures=1)
    shown = await scrape(client)
    assert (shown[state], shown[opened]) == (0, 0)
    breaker.failed()
    shown = await scrape(client)
    assert (shown[state], shown[opened]) == (2, 1)


def test_the_metrics_and_their_labels_are_these() -> None:
    """A label that names an order, a person or a message would be one series for each."""
    declared = {
        name: set(metric._labelnames)
        for module in (metrics, analytics_metrics, schedules_metrics, webhook_metrics)
        for metric in vars(module).values()
        if (name := getattr(metric, "_name", "")).startswith("orderbase_")
    }
    assert declared == LABELS
    assert {family.name for family in REGISTRY.collect()} == LABELS.keys()


def test_the_library_s_own_registry_is_left_alone() -> None:
    names = {family.name for family in GLOBAL_REGISTRY.collect()}
    assert not [name for name in names if name.startswith("orderbase_")]


async def ask(client: Client, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with client.get("/metrics", headers=headers) as response:
        body = await response.json(content_type="application/problem+json")
        assert body["request_id"] == response.headers["x-request-id"] != ""
        assert "orderbase" not in await response.text()
        if response.status == 401:
            assert response.headers["www-authenticate"] == "Bearer"
        return response.status, body["code"]


REFUSED = {
    "none": {},
    "empty": bearer(""),
    "another": bearer("another"),
    "cut short": bearer(TOKEN[:-1]),
    "longer": bearer(TOKEN + "x"),
    "other capitals": bearer(TOKEN.upper()),
    "two spaces": bearer(" " + TOKEN),
    "another scheme": {"Authorization": f"Basic {TOKEN}"},
    "no scheme": {"Authorization": TOKEN},
    "as a name": {"Authorization": f"{TOKEN} Bearer"},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_whoever_does_not_bear_the_token_is_refused(
    client: Client, headers: dict[str, str]
) -> None:
    assert await ask(client, headers) == (401, "unauthorized")


async def test_a_token_in_another_encoding_is_refused(client: Client) -> None:
    base = client._base_url
    assert base
    reader, writer = await asyncio.open_connection(base.host, base.port)
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    writer.write(request.encode("latin-1"))
    assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.close()
    await writer.wait_closed()


async def test_the_scheme_is_known_in_any_capitals(client: Client) -> None:
    async with client.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}) as response:
        assert response.status == 200


@pytest.mark.parametrize("token", [None, SecretStr("")], ids=["none", "empty"])
async def test_without_a_token_nothing_is_there(token: SecretStr | None) -> None:
    async with serving(app_of(token)) as client:
        for headers in ({}, bearer(""), bearer(TOKEN)):
            assert await ask(client, headers) == (404, "not_found")
