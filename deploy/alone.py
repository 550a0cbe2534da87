"""A function with what its extra brings, and nothing else: as if only that were installed.

Made of links to what is installed already, so it takes no network and no time.
"""

import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
_PROJECT = "orderbase-shop"
_NOT_IMPORTED = ("..", "__pycache__")


@cache
def extras() -> dict[str, list[str]]:
    """The project's extras, and what each asks for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, list[str]] = project["optional-dependencies"]
    return found


def needed(*names: str) -> list[Distribution]:
    """The distributions that these extras bring, with all that those need."""
    seen: set[tuple[str, str]] = set()
    waiting = [(_PROJECT, extra) for extra in names]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += _asked_by(*one)
    return [distribution(name) for name in sorted({name for name, _ in seen} - {_PROJECT})]


def _asked_by(name: str, extra: str) -> Iterator[tuple[str, str]]:
    lines = extras()[extra] if name == _PROJECT else distribution(name).requires or ()
    for wanted in map(Requirement, lines):
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            bare = () if wanted.name == _PROJECT else ("",)
            yield from ((wanted.name, asked) for asked in (*bare, *wanted.extras))


def assemble(folder: Path, function: str, *more: str) -> None:
    """Fill the folder with the function, the kit, and what their extra and `more` bring."""
    for one in needed(function, *more):
        for name in _top_level(one):
            _link(folder / name, Path(str(one.locate_file(name))))
    (folder / "functions").mkdir()
    for name in {"kit", function, *({"aws"} if "lambda" in more else ())}:
        _link(folder / "functions" / name, REPOSITORY / "functions" / name)


def python(folder: Path, code: str) -> list[str]:
    """The command that runs this code with what is in the folder and the standard library."""
    path = f"import sys; sys.path.insert(0, {str(folder)!r}); sys.argv[0] = ''; "
    return [sys.executable, "-I", "-S", "-c", path + code]


def serve(folder: Path, app: str, port: int) -> list[str]:
    """The command that serves an app there."""
    arguments = [app, "--port", str(port), "--log-level", "warning", "--no-access-log"]
    code = f"import uvicorn.main; uvicorn.main.main({arguments!r})"
    return python(folder, code)


def _top_level(one: Distribution) -> Iterator[str]:
    """What the distribution puts beside others."""
    names = {file.parts[0] for file in one.files or ()}
    yield from names - set(_NOT_IMPORTED)


def _link(place: Path, target: Path) -> None:
    if not place.exists():
        place.symlink_to(target)
