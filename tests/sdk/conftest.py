"""The client's contract is tested on both clients, and on a stack as well as on the fake."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from orderbase import AsyncOrderbase, Orderbase
from tests.conftest import Stack
from tests.sdk.awaited import Awaited
from tests.sdk.cli import Cli, connected
from tests.sdk.elsewhere import stack
from tests.sdk.server import Handler, HandlerTransport
from tests.sdk.worlds import FakeWorld, StackWorld, World

__all__ = ["stack"]

Make = Callable[..., AsyncOrderbase]
OpenShop = Callable[..., AbstractAsyncContextManager[AsyncOrderbase]]


def _blocking(*arguments: Any, **options: Any) -> AsyncOrderbase:  # noqa: ANN401 - of a client
    return cast(AsyncOrderbase, Awaited(Orderbase(*arguments, **options)))


@pytest.fixture(params=["async", "sync"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a client of either kind, with the surface of the asynchronous one."""
    return AsyncOrderbase if request.param == "async" else _blocking


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: Stack) -> Cli:
    """The command, which knows the stack, and nobody is signed in."""
    return connected(Cli(tmp_path / "config", monkeypatch), stack)


@pytest.fixture
def guest(cli: Cli) -> Cli:
    """The command of a guest."""
    cli.run("sign-in", "--guest")
    return cli


@pytest.fixture(params=["stack", "fake"])
def world(request: pytest.FixtureRequest) -> World:
    """A shop: a real one, or the fake that users test with. Both pass the same tests."""
    if request.param == "fake":
        return FakeWorld()
    return StackWorld(request.getfixturevalue("stack"))


@pytest.fixture
def shop_over(make: Make) -> OpenShop:
    """Opens a shop whose requests a function answers, after others had their turn."""

    @asynccontextmanager
    async def opened(
        handler: Handler,
        *,
        retries: int = 0,
        **options: Any,  # noqa: ANN401 - of a client
    ) -> AsyncGenerator[AsyncOrderbase, None]:
        transport = HandlerTransport(handler)
        async with make(
            "http://shop.test/", "key", retries=retries, transport=transport, **options
        ) as shop:
            yield shop

    return opened


@pytest.fixture
def open_shop(make: Make) -> OpenShop:
    """Opens a shop of a world, or of the stack, on which nobody is signed in."""

    @asynccontextmanager
    async def opened(
        place: Stack | World,
        url: str | None = None,
        **options: Any,  # noqa: ANN401 - of a client
    ) -> AsyncGenerator[AsyncOrderbase, None]:
        world = StackWorld(place) if isinstance(place, Stack) else place
        options.setdefault("transport", world.transport())
        async with make(url or world.url, world.key, **options) as shop:
            yield shop

    return opened
