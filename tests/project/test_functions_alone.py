"""Each function starts with only its own extra installed, and none of the others beside it."""

import subprocess
from pathlib import Path

import pytest

from deploy.alone import REPOSITORY, assemble, extras, needed, python, serve
from local_stack.ports import HOST, Ports
from tests.functions.test_main import status, wait_until_live
from tests.functions.test_settings import GOOD

FUNCTIONS = ("analytics", "api", "emails", "images", "orders", "schedules", "webhooks")
OPTIONAL = ("boto3", "redis")
"""Imported only by those who deploy with a further extra."""
IMPORT_ALL = f"""
import importlib, pathlib
for name in NAMES:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or '').partition('.')[0] not in {OPTIONAL}:
            raise
"""


def modules(function: str) -> list[str]:
    """All there are, as some are imported only when they are needed."""
    folders = (REPOSITORY / "functions" / name for name in ("kit", function))
    files = [file for folder in folders for file in folder.rglob("*.py")]
    names = (file.relative_to(REPOSITORY).with_suffix("") for file in files)
    return sorted(".".join(name.parts).removesuffix(".__init__") for name in names)


def run(folder: Path, names: list[str]) -> None:
    subprocess.run(  # noqa: S603 - our own command
        python(folder, IMPORT_ALL.replace("NAMES", repr(names))),
        env=GOOD,
        cwd=folder,
        timeout=60,
        check=True,
    )


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def alone(function: str, tmp_path: Path) -> Path:
    """What is installed."""
    assemble(tmp_path, function)
    return tmp_path


def test_every_function_is_tried_here() -> None:
    folders = (REPOSITORY / "functions").iterdir()
    assert {folder.name for folder in folders if (folder / "main.py").exists()} == set(FUNCTIONS)


def test_it_starts_and_answers(function: str, alone: Path) -> None:
    port = Ports.free().functions
    url = f"http://{HOST}:{port}"
    closed = {"SUPABASE_URL": f"http://{HOST}:{Ports.free().rest}"}
    process = subprocess.Popen(  # noqa: S603 - our own command
        serve(alone, f"functions.{function}.main:app", port), env=GOOD | closed, cwd=alone
    )
    try:
        wait_until_live(url)
        assert status("GET", f"{url}/health") == 200
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_each_of_its_modules_can_be_imported(function: str, alone: Path) -> None:
    run(alone, modules(function))


def test_it_starts_on_lambda_with_that_extra_and_its_own(function: str, tmp_path: Path) -> None:
    assemble(tmp_path, function, "lambda")
    events = [f"functions.aws.{name}" for name in ("sqs", "s3", "schedule")]
    run(tmp_path, [f"functions.aws.{function}", *events, "mangum"])


def test_nothing_else_is_there(tmp_path: Path) -> None:
    assemble(tmp_path, "analytics")
    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path, ["stripe"])
    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path, ["functions.orders.settings"])


def test_pillow_is_for_images_only_and_stripe_for_orders() -> None:
    for package, owner in (("pillow", "images"), ("stripe", "orders"), ("jinja2", "emails")):
        owners = {
            name for name in FUNCTIONS if package in {one.name.lower() for one in needed(name)}
        }
        assert owners == {owner}
    assert set(FUNCTIONS) <= set(extras())
