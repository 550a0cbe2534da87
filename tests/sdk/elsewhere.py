"""The live tests against another Supabase: one that has our migrations, functions and seed.

Give them the variables of `make env`, each with SDK_ before its name: SDK_SUPABASE_URL,
SDK_SUPABASE_PUBLISHABLE_KEY, SDK_SUPABASE_SECRET_KEY, SDK_DATABASE_URL, SDK_DEMO_STAFF_EMAIL and
SDK_DEMO_PASSWORD. A test that needs another one says so and is skipped. The tests leave users,
products and orders there.
"""

import os
from dataclasses import dataclass
from typing import NoReturn

import pytest

from tests.conftest import Stack

PREFIX = "SDK_"


class Given(dict[str, str]):
    """Variables; without one of them, a test does not run here."""

    def __missing__(self, name: str) -> str:
        pytest.skip(f"{PREFIX}{name} is not set")


GIVEN = Given(
    (name.removeprefix(PREFIX), value)
    for name, value in os.environ.items()
    if name.startswith(PREFIX)
)
IS_ELSEWHERE = "SUPABASE_URL" in GIVEN


@dataclass(frozen=True, init=False)
class Elsewhere(Stack):
    """What is known of another Supabase."""

    def __init__(self) -> None:
        """There is nothing to keep."""

    def __getattr__(self, name: str) -> NoReturn:
        """Only our own stack has `settings`: its superuser, its mailbox, its processes."""
        if name == "settings":
            pytest.skip("needs the embedded stack itself")
        raise AttributeError(name)

    @property
    def environment(self) -> dict[str, str]:
        """What was given."""
        return GIVEN


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The Supabase that the environment names, else the stack of the whole run."""
    if IS_ELSEWHERE:
        return Elsewhere()
    embedded: Stack = request.getfixturevalue("stack")
    return embedded
