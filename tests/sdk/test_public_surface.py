"""What users may import is listed, sorted and explained."""

import inspect
import tomllib
from pathlib import Path

import pytest

import orderbase
from orderbase import _client

SDK = Path(__file__).parents[2] / "client_sdk"


def test_all_is_sorted_and_complete() -> None:
    assert orderbase.__all__ == sorted(orderbase.__all__)
    public = {
        name
        for name, value in vars(orderbase).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(orderbase.__all__)


@pytest.mark.parametrize("name", [name for name in orderbase.__all__ if name != "OrderStatus"])
def test_everything_public_is_explained(name: str) -> None:
    value = getattr(orderbase, name)
    assert value.__doc__
    for member_name, member in vars(value).items():
        described = member.fget if isinstance(member, property) else member
        if not member_name.startswith("_") and inspect.isfunction(described):
            assert described.__doc__, member_name


def test_the_version_is_the_distributions() -> None:
    project = tomllib.loads((SDK / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == _client.VERSION
    assert f"## {_client.VERSION}" in (SDK / "CHANGELOG.md").read_text("utf-8")


def test_the_package_says_that_it_is_typed() -> None:
    assert (SDK / "src" / "orderbase" / "py.typed").exists()
