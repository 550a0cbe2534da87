"""A plugin of pytest: a shop for each test, the fake one unless the environment names another.

    # conftest.py
    pytest_plugins = ["orderbase.testing.plugin"]

    # test_mine.py
    def test_it_sells(orderbase_shop: Orderbase) -> None:
        ...

With ORDERBASE_URL and ORDERBASE_KEY in the environment, the same tests run against that shop, and
those that ask for the fake are skipped. Nothing else makes tests order from a real shop. To have
products in the fake, make a fixture `orderbase_fake` of your own.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from orderbase import AsyncOrderbase, Orderbase
    from orderbase.testing import FakeShop

_FAKE = "orderbase_fake"


class _Address(NamedTuple):
    url: str
    key: str


def _real_shop() -> _Address | None:
    """The shop that the environment names.

    Raises:
        UsageError: it names half of one.
    """
    url, key = os.environ.get("ORDERBASE_URL"), os.environ.get("ORDERBASE_KEY")
    if url and key:
        return _Address(url, key)
    if url or key:
        raise pytest.UsageError("ORDERBASE_URL and ORDERBASE_KEY go together: one is missing.")
    return None


def pytest_report_header() -> str:
    """Say which shop it is."""
    real = _real_shop()
    return f"orderbase: {real.url if real else 'the fake shop'}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the fake before any of its fixtures orders from the real shop."""
    if _FAKE in getattr(item, "fixturenames", ()):
        _skip_if_real()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Skip also what asks for the fake while it runs; whoever has made the fixture."""
    if fixturedef.argname == _FAKE:
        _skip_if_real()


def _skip_if_real() -> None:
    if _real_shop():
        pytest.skip("this test needs the fake shop, and the environment names a real one")


@pytest.fixture
def orderbase_fake() -> FakeShop:
    """The fake shop of this test, empty."""
    from orderbase.testing import FakeShop  # noqa: PLC0415 - not before it is used

    return FakeShop()


@pytest.fixture
def orderbase_shop(request: pytest.FixtureRequest) -> Generator[Orderbase, None, None]:
    """A blocking client on which nobody is signed in."""
    from orderbase import Orderbase  # noqa: PLC0415 - not before it is used

    real = _real_shop()
    with Orderbase(real.url, real.key) if real else _fake(request).client() as shop:
        yield shop


@pytest.fixture
def orderbase_async_shop(request: pytest.FixtureRequest) -> AsyncOrderbase:
    """An asynchronous client on which nobody is signed in; open it: `async with ... as shop`."""
    from orderbase import AsyncOrderbase  # noqa: PLC0415 - not before it is used

    if real := _real_shop():
        return AsyncOrderbase(real.url, real.key)
    return _fake(request).async_client()


def _fake(request: pytest.FixtureRequest) -> FakeShop:
    fake: FakeShop = request.getfixturevalue(_FAKE)
    return fake
