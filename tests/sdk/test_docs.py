"""Every example of the documentation and of the README runs, and prints what the page says."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from local_stack.settings import REPOSITORY
from tests.conftest import Stack
from tests.functions.serving import serving
from tests.sdk.examples import read
from tests.sdk.examples_typed import write
from tests.sdk.examples_world import SECRET, World
from tests.sdk.type_checkers import configure_pyright, mypy, pyright

SDK = REPOSITORY / "client_sdk"
PAGES = [SDK / "README.md", *sorted((SDK / "docs").rglob("*.md"))]
WITH_EXAMPLES = [path for path in PAGES if read(path).blocks]
LANGUAGES = {"python", "sh", "json", "http"}


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as closing:
        yield World(stack, tmp_path, closing)


@pytest.mark.parametrize(
    "path", WITH_EXAMPLES, ids=lambda path: path.relative_to(SDK).with_suffix("").as_posix()
)
def test_the_examples_of_a_page_run(path: Path, world: World) -> None:
    world.run(read(path))


async def test_the_receiver_of_webhooks_takes_what_is_signed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    app = world.run(read(SDK / "docs" / "guides" / "webhooks.md"))["app"]
    now = datetime.now(UTC)
    body = json.dumps({"type": "webhook.test", "timestamp": now.isoformat(), "data": {}})
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    async with serving(app) as client:
        for changed, status in ({}, 204), ({}, 204), ({"webhook-id": "msg_2"}, 400):
            async with client.post("/orderbase", data=body, headers=headers | changed) as answer:
                assert answer.status == status
    assert capsys.readouterr().out == "webhook.test None\n"


async def test_the_server_answers_each_shopper_by_the_token(world: World) -> None:
    order = world.given("order")
    app = world.run(read(SDK / "docs" / "guides" / "servers.md"))["app"]
    async with serving(app) as client:
        for token, status, answered in (
            (world.given("token"), 200, [order.number]),
            ("none", 401, {"detail": "bad_jwt"}),
        ):
            headers = {"authorization": f"Bearer {token}"}
            async with client.get("/my-orders", headers=headers) as answer:
                assert (answer.status, await answer.json()) == (status, answered)


async def test_the_server_lets_each_visitor_in_and_out(world: World) -> None:
    order = world.given("order")
    app = world.run(read(SDK / "docs" / "guides" / "servers.md"))["app"]
    credentials = {"email": world.given("email"), "password": world.given("password")}
    async with serving(app) as client:
        wrong = credentials | {"password": "not this one"}
        async with client.post("/log-in", json=wrong) as answer:
            assert (answer.status, await answer.json()) == (401, {"detail": "invalid_credentials"})
        async with client.post("/log-in", json=credentials) as answer:
            cookies = {"session": answer.cookies["session"].value}
        stranger = {"session": "another"}

        async def latest(sent: dict[str, str]) -> tuple[int, object]:
            async with client.get("/my-latest-order", cookies=sent) as answer:
                return answer.status, await answer.json()

        nobody = 401, {"detail": "sign_in_required"}
        assert [await latest(sent) for sent in ({}, stranger)] == [nobody, nobody]
        assert await latest(cookies) == (200, order.number)
        async with client.post("/log-out", cookies=cookies) as answer:
            assert answer.status == 200
        assert await latest(cookies) == nobody


async def test_the_server_blames_the_request_for_what_the_client_refuses(world: World) -> None:
    app = world.run(read(SDK / "docs" / "guides" / "servers.md"))["app"]

    async def refuse(order_id: str) -> None:
        await app.state.shop.orders.get(order_id)

    app.add_api_route("/orders/{order_id}", refuse)
    async with serving(app) as client, client.get("/orders/none") as answer:
        assert (answer.status, await answer.json()) == (400, {"detail": "invalid_order_id"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All examples as a project of a user."""
    folder = tmp_path_factory.mktemp("documented")
    for path in WITH_EXAMPLES:
        write(
            read(path), folder, path.relative_to(SDK).with_suffix("").as_posix().replace("/", "_")
        )
    configure_pyright(folder)
    return folder


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_type_checkers_accept_the_examples(
    checker: Callable[[Path], str], project: Path
) -> None:
    output = checker(project)
    assert not re.search(r"\berror\b", output), output


def test_each_example_says_its_language_and_hardly_any_is_left_out() -> None:
    blocks = [block for path in PAGES for block in read(path).blocks]
    assert {block.language for block in blocks} <= LANGUAGES
    assert len([block for block in blocks if block.reason is not None]) <= 2
    assert len([block for block in blocks if block.language == "python"]) > 40
