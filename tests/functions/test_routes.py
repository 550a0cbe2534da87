"""Functions that answer routes of their own, with or without a queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import aiohttp
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.kit import readiness
from functions.kit.app import Function, Running, clients_of, create_app
from functions.kit.database import Database, DatabaseUnavailable
from functions.kit.heads import HeadAsGet
from functions.kit.metrics import REGISTRY
from functions.kit.problems import Problem, unauthorized, unavailable
from tests.functions.engine import Engine
from tests.functions.serving import serving

Client = aiohttp.ClientSession
router = APIRouter()


@dataclass
class Clients:
    greeting: str
    is_well: bool = True

    async def check(self) -> None:
        if not self.is_well:
            raise DatabaseUnavailable("on purpose")


@router.get("/greetings/{name}")
async def greet(name: str, clients: Annotated[Clients, Depends(clients_of(Clients))]) -> str:
    return f"{clients.greeting}, {name}"


@router.put("/greetings/{name}")
async def refuse(name: str) -> None:
    raise Problem(
        HTTPStatus.CONFLICT, "taken", "No.", context={"name": name}, headers={"X-More": "1"}
    )


@router.post("/greetings")
async def fail(how: str) -> None:
    raise {
        "unavailable": unavailable(),
        "database": DatabaseUnavailable("canary"),
        "unauthorized": unauthorized("who", "Who?", "Bearer x"),
    }[how]


class Named:
    """Middleware that adds its name to a header."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-layer", self._name.encode()))
            await send(message)

        await self._app(scope, receive, send_named)


@pytest.fixture
def clients() -> Clients:
    return Clients("Hello")


@pytest.fixture
async def client(engine: Engine, clients: Clients) -> AsyncIterator[Client]:
    @asynccontextmanager
    async def running(_database: Database) -> AsyncIterator[Running]:
        yield Running(clients=clients, check=clients.check)

    layers = (Middleware(Named, "outer"), Middleware(Named, "inner"))
    function = Function("greeter", running, wakes=False, routers=(router,), middleware=layers)
    async with serving(create_app("test", engine.settings(), function)) as client:
        yield client


async def test_a_route_finds_the_clients_of_its_function(client: Client) -> None:
    async with client.get("/greetings/Ada") as answer:
        assert (answer.status, await answer.json()) == (200, "Hello, Ada")
        assert answer.headers.getall("X-Layer") == ["inner", "outer"]


async def test_without_a_queue_nothing_wakes_it(client: Client) -> None:
    async with client.post("/greeter/wake") as answer:
        assert answer.status == 404


async def test_it_is_ready_when_its_own_check_says_so(
    client: Client, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SHARED_SECONDS", 0)
    monkeypatch.setattr("functions.kit.app._READY_SECONDS", 60)
    for is_well, status in ((True, 200), (False, 503), (True, 200)):
        clients.is_well = is_well
        async with client.get("/health/ready") as answer:
            assert answer.status == status


async def test_a_problem_has_its_context_and_headers(client: Client) -> None:
    async with client.put("/greetings/Ada") as answer:
        body = await answer.json()
        assert (answer.status, body["code"], body["context"]) == (409, "taken", {"name": "Ada"})
        assert answer.headers["X-More"] == "1"


@pytest.mark.parametrize(
    ("how", "status", "code", "header"),
    [
        ("unavailable", 503, "unavailable", ("Retry-After", "2")),
        ("database", 503, "unavailable", ("Retry-After", "2")),
        ("unauthorized", 401, "who", ("WWW-Authenticate", "Bearer x")),
    ],
)
async def test_who_has_to_wait_or_sign_in_is_told_how(
    client: Client, how: str, status: int, code: str, header: tuple[str, str]
) -> None:
    async with client.post(f"/greetings?how={how}") as answer:
        body = await answer.text()
        assert (answer.status, (await answer.json())["code"]) == (status, code)
        assert answer.headers[header[0]] == header[1]
    assert "canary" not in body


async def test_all_methods_of_a_path_are_allowed(client: Client) -> None:
    async with client.delete("/greetings/Ada") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD, PUT"


async def test_head_is_get_without_its_body(client: Client) -> None:
    labels = {"method": "HEAD", "route": "/greetings/{name}", "status": "200"}
    before = REGISTRY.get_sample_value("orderbase_requests_total", labels) or 0
    async with client.head("/greetings/Ada") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == str(len('"Hello, Ada"'))
    assert REGISTRY.get_sample_value("orderbase_requests_total", labels) == before + 1


async def test_a_server_that_does_not_drop_the_body_of_a_head_sends_none_either() -> None:
    app = FastAPI()
    app.get("/")(lambda: "Hello")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "HEAD", "path": "/", "headers": [], "query_string": b""}
    await HeadAsGet(app)(scope, receive, send)
    assert [message.get("body", b"") for message in sent] == [b"", b""]
    assert (b"content-length", b"7") in sent[0]["headers"]


async def test_a_slash_more_is_another_path(client: Client) -> None:
    async with client.get("/greetings/Ada/", allow_redirects=False) as answer:
        assert answer.status == 404
