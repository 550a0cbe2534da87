"""What the type checkers of users make of the client: mypy and pyright, both strict."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sdk.type_checkers import configure_pyright, mypy, pyright

CONSUMER = Path(__file__).parent / "consumer"
PLACES = re.compile(r"(\w+\.py):(\d+):(?:\d+ -)? error")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a user: a program that is right, and one full of mistakes."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copy(CONSUMER / "program.py", folder / "program.py")
    shutil.copy(CONSUMER / "mistakes.txt", folder / "mistakes.py")
    configure_pyright(folder)
    return folder


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_what_is_right_passes_and_each_mistake_is_refused(
    checker: Callable[[Path], str], project: Path
) -> None:
    output = checker(project)
    refused = {(file, int(line)) for file, line in PLACES.findall(output)}
    lines = (project / "mistakes.py").read_text("utf-8").splitlines()
    mistakes = {
        ("mistakes.py", number) for number, line in enumerate(lines, 1) if "# wrong" in line
    }
    assert refused == mistakes, output
