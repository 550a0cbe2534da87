"""What the type checkers of users make of the client: mypy and pyright, both strict."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack.settings import REPOSITORY

CONSUMER = Path(__file__).parent / "consumer"
SOURCE = REPOSITORY / "client_sdk" / "src"
PYRIGHT = REPOSITORY / "node_modules" / ".bin" / "pyright"
PLACES = re.compile(r"(\w+\.py):(\d+):(?:\d+ -)? error")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a user: a program that is right, and one full of mistakes."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copy(CONSUMER / "program.py", folder / "program.py")
    shutil.copy(CONSUMER / "mistakes.txt", folder / "mistakes.py")
    configuration = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(SOURCE)],
        "venvPath": str(REPOSITORY),
        "venv": ".venv",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(configuration), "utf-8")
    return folder


def mypy(project: Path) -> str:
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"),
        *("program.py", "mistakes.py"),
    ]
    return _output(command, project)


def pyright(project: Path) -> str:
    return _output([str(PYRIGHT)], project)


def _output(command: list[str], folder: Path) -> str:
    environment = os.environ | {"MYPYPATH": str(SOURCE)}
    result = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


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
