"""The HTTP face: wake-ups, health, problems, and a stop that loses nothing."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from functions.kit import readiness
from functions.kit.app import Function, Receiver, Running, create_app
from functions.kit.database import Database, DatabaseUnavailable
from functions.kit.logs import JsonFormatter
from functions.kit.queue import Job, Outcome
from functions.kit.webhooks import WebhookRefused
from functions.kit.worker import Effect
from tests.functions.engine import WEBHOOK_SECRET, Engine, message, until
from tests.functions.serving import serving
from tests.functions.signing import BODY, NOW, headers
from tests.functions.working import worker_of

Client = aiohttp.ClientSession
Serve = Callable[..., AbstractAsyncContextManager[Client]]
PROBLEM = "application/problem+json"


signed = partial(headers, WEBHOOK_SECRET)


async def succeed(_job: Job) -> Outcome:
    return Outcome("succeeded")


def app_of(engine: Engine, effect: Effect = succeed, *names: str) -> FastAPI:
    functions = [function_of(name, effect) for name in names or ("orders",)]
    return create_app("test", engine.settings(), *functions, clock=lambda: NOW)


def function_of(name: str, effect: Effect = succeed, **receivers: Receiver) -> Function:
    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        worker = worker_of(database, [], effect, name=name, linger=0.01)
        yield Running(worker, receivers)

    return Function(name, running, tuple(receivers))


async def first_drain(engine: Engine) -> None:
    """A start is a wake-up: let it end."""

    def over() -> bool:
        return not any(task.get_name() == "drain orders" for task in asyncio.all_tasks())

    await until(lambda: engine.claims() > 0 and over())


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    async with serving(app_of(engine)) as client:
        await first_drain(engine)
        engine.calls.clear()
        yield client


async def ask(client: Client, method: str, path: str, **request: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON
    async with client.request(method, path, **request) as response:
        body = await response.json(content_type=None)
        if response.status >= 400:
            assert response.content_type == PROBLEM
            assert body["status"] == response.status
            assert body["request_id"] == response.headers["x-request-id"]
            assert {"type", "title", "detail"} <= body.keys()
            return response.status, body["code"]
        return response.status, body


async def test_a_signed_wake_up_drains_the_queue(engine: Engine, client: Client) -> None:
    engine.due = [message(1)]
    reply = await ask(client, "POST", "/orders/wake", data=BODY, headers=signed())
    assert reply == (202, {"status": "accepted"})
    await until(lambda: engine.outcomes() == ["succeeded"])


FORGED = {
    "unsigned": (BODY, {}),
    "changed body": (BODY + b" ", signed()),
    "stale": (BODY, signed(NOW - 301)),
    "early": (BODY, signed(NOW + 301)),
    "empty": (b"", signed()),
}


@pytest.mark.parametrize(("body", "headers"), FORGED.values(), ids=FORGED)
async def test_a_forged_wake_up_wakes_nobody(
    engine: Engine, client: Client, body: bytes, headers: dict[str, str]
) -> None:
    reply = await ask(client, "POST", "/orders/wake", data=body, headers=headers)
    assert reply == (401, "invalid_signature")
    await asyncio.sleep(0.02)
    assert engine.calls == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/emails/wake", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/openapi.json", 404, "not_found"),
        ("GET", "/orders/wake", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_is_a_problem(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    assert await ask(client, method, path) == (status, code)


async def test_an_endless_body_is_refused_early(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    async with asyncio.timeout(10):
        with contextlib.suppress(aiohttp.ClientConnectionError):  # it may hang up while we send
            reply = await ask(client, "POST", "/orders/wake", data=endless(), headers=signed())
            assert reply == (413, "too_large")
    assert (await ask(client, "GET", "/health"))[0] == 200


async def test_the_wake_up_is_answered_before_the_work_and_outlives_its_caller(
    engine: Engine,
) -> None:
    go_on = asyncio.Event()

    async def effect(_job: Job) -> Outcome:
        await go_on.wait()
        return Outcome("succeeded")

    async with serving(app_of(engine, effect)) as client:
        await first_drain(engine)
        engine.due = [message(1)]
        for _ in range(50):
            with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                await client.post(
                    "/orders/wake",
                    data=BODY,
                    headers=signed(),
                    timeout=aiohttp.ClientTimeout(total=0.001),
                )
        reply = await ask(client, "POST", "/orders/wake", data=BODY, headers=signed())
        assert reply[0] == 202
        assert engine.outcomes() == []
        go_on.set()
        await until(lambda: engine.outcomes() == ["succeeded"])


async def test_a_start_is_a_wake_up_and_a_stop_finishes_the_batch(engine: Engine) -> None:
    async def effect(_job: Job) -> Outcome:
        await asyncio.sleep(0.4)  # longer than uvicorn needs to end
        return Outcome("succeeded")

    engine.due = [message(1)]
    async with serving(app_of(engine, effect)):
        await engine.claimed.wait()
    assert engine.outcomes() == ["succeeded"]


async def test_health_is_live_without_the_database_and_ready_only_with_it(
    engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SHARED_SECONDS", 0)
    monkeypatch.setattr("functions.kit.app._READY_SECONDS", 60)
    live = {"status": "ok", "name": "test", "version": version("orderbase-shop")}
    assert await ask(client, "GET", "/health") == (200, live)
    assert await ask(client, "GET", "/health/ready") == (200, {"status": "ready"})
    assert engine.calls == [("finish_orders", {"results": []})]
    for fault in (503, 401, 404):
        engine.faults = [fault]
        assert await ask(client, "GET", "/health/ready") == (503, "not_ready")
        assert await ask(client, "GET", "/health") == (200, live)


async def test_all_who_ask_within_a_moment_share_an_answer(
    engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SHARED_SECONDS", 60)
    monkeypatch.setattr("functions.kit.app._READY_SECONDS", 60)
    asked = [ask(client, "GET", "/health/ready") for _ in range(20)]
    assert await asyncio.gather(*asked) == [(200, {"status": "ready"})] * 20
    assert engine.calls == [("finish_orders", {"results": []})]


async def test_health_tells_the_release_that_was_deployed(engine: Engine) -> None:
    settings = engine.settings().model_copy(update={"release": "0123abc"})
    async with serving(create_app("test", settings)) as client:
        _, live = await ask(client, "GET", "/health")
    assert live == {"status": "ok", "name": "test", "version": "0123abc"}


async def test_one_app_of_all_is_ready_if_all_are(engine: Engine) -> None:
    async with serving(app_of(engine, succeed, "orders", "emails")) as client:
        for name in ("orders", "emails"):
            assert (await ask(client, "POST", f"/{name}/wake", data=BODY, headers=signed()))[
                0
            ] == 202
        await ask(client, "GET", "/health/ready")
        both = {f"{word}_{name}" for word in ("claim", "finish") for name in ("orders", "emails")}
        await until(lambda: {verb for verb, _ in engine.calls} == both | {"queue_policy"})


# Webhooks of others


class Post:
    """A receiver that keeps what it takes, or raises what it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str | None, bytes]] = []
        self.error: Exception | None = None

    async def receive(self, headers: Mapping[str, str], body: bytes) -> None:
        if self.error:
            raise self.error
        self.taken.append((headers.get("Stripe-Signature"), body))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def receiving(engine: Engine, post: Post) -> AsyncIterator[Client]:
    function = function_of("orders", stripe=post.receive)
    async with serving(create_app("test", engine.settings(), function)) as client:
        yield client


async def test_a_receiver_gets_the_headers_and_the_very_bytes(
    post: Post, receiving: Client
) -> None:
    body = b'{"a":  1}\n\xff'
    reply = await ask(
        receiving, "POST", "/orders/stripe", data=body, headers={"stripe-signature": "s"}
    )
    assert reply == (200, {"status": "received"})
    assert post.taken == [("s", body)]


async def test_what_a_receiver_refuses_is_a_problem(post: Post, receiving: Client) -> None:
    post.error = WebhookRefused("No signature fits this message.")
    assert await ask(receiving, "POST", "/orders/stripe") == (401, "invalid_signature")
    post.error = DatabaseUnavailable("status 503")
    assert await ask(receiving, "POST", "/orders/stripe") == (503, "not_recorded")


async def test_only_its_receivers_are_there(receiving: Client, client: Client) -> None:
    assert await ask(receiving, "POST", "/orders/paypal") == (404, "not_found")
    assert await ask(receiving, "GET", "/orders/stripe") == (405, "method_not_allowed")
    assert await ask(client, "POST", "/orders/stripe") == (404, "not_found")


async def test_a_webhook_may_be_large_but_not_endless(post: Post, receiving: Client) -> None:
    most = b"x" * 1_000_000
    assert (await ask(receiving, "POST", "/orders/stripe", data=most))[0] == 200
    with contextlib.suppress(aiohttp.ClientConnectionError):  # it may hang up while we send
        reply = await ask(receiving, "POST", "/orders/stripe", data=most + b"x")
        assert reply == (413, "too_large")
    assert len(post.taken) == 1


# Metrics


async def test_metrics_are_for_who_bears_the_token(engine: Engine) -> None:
    settings = engine.settings().model_copy(update={"metrics_token": SecretStr("token")})
    async with serving(create_app("test", settings, function_of("orders"))) as client:
        await ask(client, "POST", "/orders/wake", data=b"", headers={})
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": "token"}):
            assert await ask(client, "GET", "/metrics", headers=wrong) == (401, "unauthorized")
        async with client.get("/metrics", headers={"authorization": "Bearer token"}) as response:
            text = await response.text()
    assert response.status == 200
    assert "orderbase_wakeups_total" in text


async def test_without_a_token_there_are_none(client: Client) -> None:
    asked = await ask(client, "GET", "/metrics", headers={"authorization": "Bearer "})
    assert asked == (404, "not_found")


async def test_request_ids_are_kept_if_plain_and_made_if_not(client: Client) -> None:
    async with client.get("/health", headers={"x-request-id": "abc-1.2_3"}) as response:
        assert response.headers["x-request-id"] == "abc-1.2_3"
    for odd in ("a b", "x" * 101, "<script>", '"'):
        async with client.get("/health", headers={"x-request-id": odd}) as response:
            assert len(response.headers["x-request-id"]) == 32


async def test_validation_and_crashes_are_problems_without_internals(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(engine)

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("canary")

    @app.get("/number")
    async def number(_n: int) -> None: ...

    async with serving(app) as client:
        async with client.get("/crash") as response:
            body = await response.json()
            assert "canary" not in json.dumps(body)
            assert (response.status, body["code"]) == (500, "internal_error")
            assert body["request_id"] == response.headers["x-request-id"] != ""
        async with client.get("/number?_n=canary") as response:
            body = await response.json()
            assert (response.status, body["code"]) == (422, "invalid_request")
            assert body["errors"][0]["at"] == "query._n"
            assert "canary" not in json.dumps(body)
    assert [r.name for r in caplog.records if r.levelno >= logging.ERROR] == ["uvicorn.error"]


def test_log_lines_are_json_and_hide_what_errors_say() -> None:
    with pytest.raises(ZeroDivisionError, match="division") as caught:
        _ = 1 // 0
    error = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("functions", logging.ERROR, "f.py", 1, "a %s\nb", ("x",), error)
    record.__dict__["fields"] = {"queue": "orders", "error_code": ValueError("y")}
    line = JsonFormatter().format(record)
    entry = json.loads(line)
    assert "division or modulo" not in line
    assert "\n" not in line
    assert (entry["level"], entry["message"], entry["queue"]) == ("error", "a x\nb", "orders")
    assert entry["error"] == "ZeroDivisionError"
    assert "test_log_lines" in entry["stack"][0]


async def test_a_secret_never_reaches_an_answer_or_a_log(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert isinstance(engine.settings().webhook_secret, SecretStr)
    engine.faults = [401]
    async with serving(app_of(engine)) as client:
        await ask(client, "POST", "/orders/wake", data=BODY, headers={"webhook-id": "x"})
        await until(lambda: not engine.faults)
    for secret in (WEBHOOK_SECRET, "sb_secret_of_a_test"):
        assert secret not in caplog.text
