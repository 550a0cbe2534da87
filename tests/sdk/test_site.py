"""The documentation as it is built: complete, and nothing in it is loaded from elsewhere."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from local_stack.settings import REPOSITORY
from orderbase.errors import CODES, OrderbaseError

CONFIGURATION = REPOSITORY / "client_sdk" / "mkdocs.yml"
LOADED = re.compile(r"<(?:link|script|img|iframe|source)\b[^>]*?\b(?:href|src)=\"?([^\s\">]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages by name, built as `scripts/check` does it."""
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "mkdocs", "build", "--strict"),
            *("--config-file", str(CONFIGURATION), "--site-dir", str(folder)),
        ],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*.html")
    }


def _public_names() -> Iterator[str]:
    for module in ("orderbase", "orderbase.staff", "orderbase.testing"):
        for name in import_module(module).__all__:
            if not inspect.ismodule(getattr(import_module(module), name)):
                yield f"{module}.{name}"
    yield "orderbase.webhooks.verify"
    for error in _errors(OrderbaseError):
        yield f"orderbase.{error.__name__}"


def _errors(error: type[OrderbaseError]) -> Iterator[type[OrderbaseError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _errors(kind)


def test_every_public_name_is_in_the_reference(site: dict[str, str]) -> None:
    reference = "".join(text for page, text in site.items() if page.startswith("reference/"))
    explained = set(re.findall(r'\bid="(orderbase[\w.]*)"', reference))
    assert set(_public_names()) - explained == set()


def test_the_blocking_methods_are_explained_as_methods(site: dict[str, str]) -> None:
    orders = site["reference/orders.html"]
    _, _, place = orders.partition('id="orderbase.Orders.place"')
    method, _, _ = place.partition('id="orderbase.Orders.cancel"')
    assert "shipping_address" in method
    assert "idempotency_key" in method


def test_the_table_has_every_code(site: dict[str, str]) -> None:
    page = site["guides/errors.html"]
    assert [code for code in CODES if f"<code>{code}</code>" not in page] == []


def test_nothing_is_loaded_from_elsewhere(site: dict[str, str]) -> None:
    loaded = {address for text in site.values() for address in LOADED.findall(text)}
    assert len(loaded) > 10
    assert [address for address in loaded if re.match(r"(?:[a-z]+:)?//", address)] == []
