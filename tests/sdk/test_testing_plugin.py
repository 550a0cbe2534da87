"""The pytest plugin of users: their tests run on the fake, or on the shop that they name."""

import os
from pathlib import Path

import pytest

from local_stack.settings import REPOSITORY
from tests.conftest import Stack
from tests.sdk.worlds import StackWorld

_NAMES = ("ORDERBASE_URL", "ORDERBASE_KEY", "SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY")
_SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
_TESTS = """
from orderbase import AsyncOrderbase, Orderbase
from orderbase.testing import FakeShop


def test_blocking(orderbase_shop: Orderbase) -> None:
    assert orderbase_shop.auth.sign_in_as_guest().is_guest


async def test_asynchronous(orderbase_async_shop: AsyncOrderbase) -> None:
    async with orderbase_async_shop as shop:
        assert (await shop.auth.sign_in_as_guest()).is_guest


def test_the_fake_is_the_shop(orderbase_fake: FakeShop, orderbase_shop: Orderbase) -> None:
    orderbase_fake.add_user(email="ada@example.com", password="secret-word")
    orderbase_shop.auth.sign_in(email="ada@example.com", password="secret-word")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of a user, in whose environment no shop is named."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    source = Path(REPOSITORY, "client_sdk", "src")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(source), str(REPOSITORY)]))
    pytester.makeconftest('pytest_plugins = ["orderbase.testing.plugin"]')
    pytester.makeini(_SETTINGS)
    pytester.makepyfile(_TESTS)
    return pytester


def _run(project: pytest.Pytester, **outcomes: int) -> str:
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(**outcomes)
    return result.stdout.str()


def test_by_default_the_shop_is_the_fake(project: pytest.Pytester) -> None:
    assert "orderbase: the fake shop" in _run(project, passed=3)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> StackWorld:
    """The shop that the environment names."""
    world = StackWorld(stack)
    monkeypatch.setenv("ORDERBASE_URL", world.url)
    monkeypatch.setenv("ORDERBASE_KEY", world.key)
    return world


def test_the_environment_names_another_shop(project: pytest.Pytester, real: StackWorld) -> None:
    assert f"orderbase: {real.url}" in _run(project, passed=2, skipped=1)


def test_what_needs_the_fake_does_nothing_in_another_shop(
    project: pytest.Pytester, real: StackWorld
) -> None:
    project.makepyfile(
        """
        import pytest
        from orderbase import Orderbase
        from orderbase.testing import FakeShop

        @pytest.fixture
        def orderbase_fake() -> FakeShop:
            raise AssertionError("made")

        @pytest.fixture
        def guest(orderbase_shop: Orderbase) -> Orderbase:
            raise AssertionError("it would order here")

        @pytest.fixture
        def cup(orderbase_fake: FakeShop) -> str:
            raise AssertionError("made")

        def test_by_name(guest: Orderbase, orderbase_fake: FakeShop) -> None: ...

        def test_by_a_fixture(guest: Orderbase, cup: str) -> None: ...

        def test_while_it_runs(request: pytest.FixtureRequest) -> None:
            request.getfixturevalue("orderbase_fake")

        def test_the_shop(orderbase_shop: Orderbase) -> None:
            assert orderbase_shop.products.list(limit=1)
        """
    )
    assert "needs the fake shop" in _run(project, passed=1, skipped=3)


def test_half_a_shop_is_none(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBASE_URL", "https://project.invalid")
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ORDERBASE_URL and ORDERBASE_KEY go together" in result.stderr.str()


def test_what_make_env_prints_is_not_ordered_from(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, stack: Stack
) -> None:
    for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"):
        monkeypatch.setenv(name, stack.environment[name])
    assert "orderbase: the fake shop" in _run(project, passed=3)


def test_a_project_fills_the_shelves_of_its_fake(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from orderbase import Money, Orderbase
        from orderbase.testing import FakeShop

        @pytest.fixture
        def orderbase_fake() -> FakeShop:
            fake = FakeShop()
            fake.add_product(name="Cup", price=Money(1250, "EUR"))
            return fake

        def test_it_sells_cups(orderbase_shop: Orderbase) -> None:
            (cup,) = orderbase_shop.products.list(search="cups")
            assert cup.name == "Cup"
        """
    )
    _run(project, passed=1)
