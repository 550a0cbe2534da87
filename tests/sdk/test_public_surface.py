"""What users may import is listed, sorted and explained."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import orderbase
from orderbase import rows
from tests.sdk.annotations import names_of

SDK = Path(__file__).parents[2] / "client_sdk"
MODULES = ["orderbase", "orderbase.rows", "orderbase.staff", "orderbase.testing"]


def test_all_is_sorted_and_complete() -> None:
    assert orderbase.__all__ == sorted(orderbase.__all__)
    public = {
        name
        for name, value in vars(orderbase).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public | {"webhooks"} == set(orderbase.__all__)


@pytest.mark.parametrize("name", orderbase.__all__)
def test_everything_public_is_explained(name: str) -> None:
    value = getattr(orderbase, name)
    if get_args(value):
        return  # an alias, which has no room for it
    assert value.__doc__
    for member_name in dir(value):
        member = inspect.getattr_static(value, member_name)
        described = getattr(member, "fget", None) or getattr(member, "func", None) or member
        ours = str(getattr(described, "__module__", "")).startswith("orderbase")
        if not member_name.startswith("_") and inspect.isfunction(described) and ours:
            assert described.__doc__, member_name


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [
        (orderbase.AsyncOrderbase, orderbase.Orderbase),
        (orderbase.AsyncAuth, orderbase.Auth),
        (orderbase.AsyncProducts, orderbase.Products),
        (orderbase.AsyncOrders, orderbase.Orders),
        (rows.AsyncQuery, rows.Query),
        (rows.AsyncRows, rows.Rows),
        (orderbase.AsyncAccount, orderbase.Account),
        (orderbase.AsyncAddresses, orderbase.Addresses),
    ],
)
def test_both_clients_have_the_same_surface(asynchronous: type, blocking: type) -> None:
    expected = _surface(asynchronous)
    if asynchronous is orderbase.AsyncOrderbase:
        expected["close"] = expected.pop("aclose")
    if asynchronous is orderbase.AsyncAuth:
        del expected["on_change"]  # called back in the event loop
    assert _surface(blocking) == expected


def test_both_clients_are_made_the_same_way() -> None:
    asynchronous = inspect.signature(orderbase.AsyncOrderbase)
    assert inspect.signature(orderbase.Orderbase) == asynchronous


def _surface(kind: type) -> dict[str, list[tuple[str, object]] | None]:
    """Parameters and their defaults by method; None for properties."""
    return {
        name: [(p.name, p.default) for p in inspect.signature(member).parameters.values()]
        if inspect.isfunction(member)
        else None
        for name, member in vars(kind).items()
        if not name.startswith("_")
    }


@pytest.mark.parametrize("module", MODULES)
def test_what_stands_in_a_signature_can_be_imported(module: str) -> None:
    importable = {name for public in MODULES for name in import_module(public).__all__}
    values = {name: getattr(import_module(module), name) for name in import_module(module).__all__}
    hidden = {name: names_of(value) - importable for name, value in values.items()}
    assert {name: names for name, names in hidden.items() if names} == {}
    assert any(names_of(value) for value in values.values())


def test_importing_the_client_imports_no_network() -> None:
    code = "import orderbase, sys; print(*{'aiohttp', 'httpx', 'supabase'} & set(sys.modules))"
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SDK / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == ""


def test_the_package_says_that_it_is_typed() -> None:
    assert (SDK / "src" / "orderbase" / "py.typed").exists()
