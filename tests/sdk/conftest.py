"""Each test of the client's contract runs twice: on the asynchronous client and on the blocking."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import pytest

from orderbase import AsyncOrderbase, Orderbase
from tests.conftest import Stack
from tests.sdk.awaited import Awaited
from tests.sdk.server import Handler, HandlerTransport

Make = Callable[..., AsyncOrderbase]
OpenShop = Callable[..., AbstractAsyncContextManager[AsyncOrderbase]]


def _blocking(*arguments: Any, **options: Any) -> AsyncOrderbase:  # noqa: ANN401 - of a client
    return cast(AsyncOrderbase, Awaited(Orderbase(*arguments, **options)))


@pytest.fixture(params=["async", "sync"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a client of either kind, with the surface of the asynchronous one."""
    return AsyncOrderbase if request.param == "async" else _blocking


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
    """Opens a shop of the stack on which nobody is signed in."""

    @asynccontextmanager
    async def opened(
        stack: Stack,
        url: str | None = None,
        **options: Any,  # noqa: ANN401 - of a client
    ) -> AsyncGenerator[AsyncOrderbase, None]:
        key = stack.environment["SUPABASE_PUBLISHABLE_KEY"]
        async with make(url or stack.environment["SUPABASE_URL"], key, **options) as shop:
            yield shop

    return opened
