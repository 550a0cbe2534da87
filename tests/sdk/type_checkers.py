"""The type checkers of users, both strict, on a project of theirs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from local_stack.settings import REPOSITORY

SOURCE = REPOSITORY / "client_sdk" / "src"
PYRIGHT = REPOSITORY / "node_modules" / ".bin" / "pyright"


def configure_pyright(project: Path) -> None:
    """Write its configuration into the project."""
    configuration = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(SOURCE)],
        "venvPath": str(REPOSITORY),
        "venv": ".venv",
    }
    (project / "pyrightconfig.json").write_text(json.dumps(configuration), "utf-8")


def mypy(project: Path) -> str:
    """What mypy says about the project."""
    options = ("--strict", "--config-file=", "--cache-dir=/dev/null")
    files = sorted(path.name for path in project.glob("*.py"))
    return _output([sys.executable, "-m", "mypy", *options, *files], project)


def pyright(project: Path) -> str:
    """What pyright says about the project."""
    return _output([str(PYRIGHT)], project)


def _output(command: list[str], folder: Path) -> str:
    environment = os.environ | {"MYPYPATH": str(SOURCE)}
    result = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr
