"""A plugin of pytest: a shop for each test, the fake one unless the environment names another.

    # conftest.py
    pytest_plugins = ["orderbase.testing.plugin"]

    # test_mine.py
    def test_it_sells(orderbase_shop: Orderbase) -> None:
        ...

With ORDERBASE_URL and ORDERBASE_KEY in the environment, the same tests run against that shop, and
those that ask for the fake are skipped. What `make env` prints does, too: SUPABASE_URL and
SUPABASE_PUBLISHABLE_KEY, but only on this machine, so that no test orders from a shop that is
meant for something else. To have products in the fake, make a fixture `orderbase_fake` of your own.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from orderbase import AsyncOrderbase, Orderbase
    from orderbase.testing import FakeShop

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


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
    url, key = os.environ.get("SUPABASE_URL"), os.environ.get("SUPABASE_PUBLISHABLE_KEY")
    if url and key and urlsplit(url).hostname in _HERE:
        return _Address(url, key)
    return None


def pytest_report_header() -> str:
    """Say which shop it is."""
    real = _real_shop()
    return f"orderbase: {real.url if real else 'the fake shop'}"


@pytest.fixture
def orderbase_fake() -> FakeShop:
    """The fake shop of this test, empty."""
    if _real_shop():
        pytest.skip("this test needs the fake shop, and the environment names a real one")
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
    fake: FakeShop = request.getfixturevalue("orderbase_fake")
    return fake
