"""What is published holds what it should, and works where nothing else is installed."""

import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.version import Version

from local_stack.settings import REPOSITORY
from orderbase._version import VERSION
from tests.conftest import Stack
from tests.sdk.distribution import SDK, Alone, build, output
from tests.sdk.live import first_example

# Modules that need an extra, and what that brings.
OPTIONAL = ("orderbase._supabase", "orderbase.cli", "orderbase.testing")
EXTRAS = {"httpx", "platformdirs", "pytest", "rich", "supabase", "typer"}

IMPORT_ALL = f"""
import importlib, pkgutil, orderbase
for module in pkgutil.walk_packages(orderbase.__path__, "orderbase.", onerror=lambda _: None):
    if module.name.endswith(".__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as missing:
        if not module.name.startswith({OPTIONAL}) or missing.name not in {EXTRAS}:
            raise
"""
INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({one.name.lower(): one.version for one in distributions()}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel, and the source distribution that it was built from."""
    wheel, source = build(tmp_path_factory.mktemp("dist"))
    return wheel, source


@pytest.fixture(scope="module", params=["dev", "oldest"])
def alone(
    request: pytest.FixtureRequest,
    built: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Alone:
    """With the versions that we develop with, and with the oldest that are allowed."""
    folder = tmp_path_factory.mktemp("alone") / "environment"
    pins = REPOSITORY / "requirements" / f"{request.param}.txt"
    return Alone.install(folder, built[0], pins)


def package() -> set[str]:
    files = (path for path in (SDK / "src").rglob("*") if path.is_file())
    return {str(path.relative_to(SDK / "src")) for path in files if "__pycache__" not in path.parts}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> Metadata:
    return Metadata.from_email(contents(wheel)[f"orderbase-{VERSION}.dist-info/METADATA"])


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    names = set(contents(built[0]))
    about = {name for name in names if name.startswith(f"orderbase-{VERSION}.dist-info/")}
    assert names - about == package()
    assert {"METADATA", "RECORD", "WHEEL"} <= {Path(name).name for name in about}


def test_the_source_distribution_holds_what_a_wheel_takes(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    about = {".gitignore", "CHANGELOG.md", "PKG-INFO", "README.md", "pyproject.toml"}
    assert names == about | {f"src/{name}" for name in package()}
    (direct,) = build(tmp_path, "--wheel")
    assert contents(direct) == contents(built[0])


def test_its_metadata_is_valid_and_says_that_it_is_typed(built: tuple[Path, Path]) -> None:
    about = metadata(built[0])
    assert (about.name, str(about.version)) == ("orderbase", VERSION)
    assert about.description == (SDK / "README.md").read_text("utf-8")
    assert about.description_content_type == "text/markdown"
    assert "Typing :: Typed" in (about.classifiers or ())
    assert f"## {VERSION}\n" in (SDK / "CHANGELOG.md").read_text("utf-8")


def test_all_it_has_can_be_imported_without_an_extra(alone: Alone) -> None:
    alone.run(IMPORT_ALL)
    assert not EXTRAS & set(json.loads(alone.run(INSTALLED)))


def test_the_first_example_works(stack: Stack, alone: Alone) -> None:
    told = [line.split()[-1] for line in alone.run(first_example(stack)).splitlines()]
    assert (told[0], told[-1]) == ("placed", "completed")


def test_the_command_says_what_to_install(alone: Alone) -> None:
    said = output(alone.program("orderbase"), "products", fails_with=2)
    assert "install orderbase[cli]" in said


def test_the_oldest_versions_are_those_that_it_asks_for(built: tuple[Path, Path]) -> None:
    pins = (REPOSITORY / "requirements" / "oldest.txt").read_text("utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", pins, re.MULTILINE))
    for wanted in metadata(built[0]).requires_dist or ():
        if wanted.marker is None:
            (lowest,) = (one.version for one in wanted.specifier if one.operator == ">=")
            assert Version(pinned[wanted.name]) == Version(lowest)
