"""The examples of a page as a module for type checkers, each line where it is on the page."""

import textwrap
from pathlib import Path

from tests.sdk.examples import Block, Page, is_asynchronous
from tests.sdk.examples_world import GIVEN

_ASYNCHRONOUS = {"Orderbase": "AsyncOrderbase"}


def write(page: Page, folder: Path, name: str) -> None:
    """Write the page's module, and beside it what the page is given and its files."""
    (folder / "given.py").write_text(_given(), "utf-8")
    lines = [""] * page.path.read_text("utf-8").count("\n")
    if page.given:
        names = (f"; {name} = given.{thing}" for name, thing in page.given.items())
        lines[0] = f"import given{''.join(names)}"
    for block in page.blocks:
        if block.title is not None:
            (folder / block.title).write_text(block.code, "utf-8")
        elif block.language == "python":
            _place(block, page, lines)
    (folder / f"{name}.py").write_text("\n".join(lines) + "\n", "utf-8")


def _place(block: Block, page: Page, lines: list[str]) -> None:
    code = block.code
    if is_asynchronous(block.compiled()):
        code = textwrap.indent(code, "    ")
        lines[block.line - 2] = f"async def block_{block.line}({_parameters(page)}) -> None:"
    lines[block.line - 1 : block.line - 1 + code.count("\n")] = code.splitlines()


def _parameters(page: Page) -> str:
    kinds = {name: GIVEN[thing][0].__name__ for name, thing in page.given.items()}
    return ", ".join(
        f"{name}: {kind if kind == 'str' else f'given.{_ASYNCHRONOUS.get(kind, kind)}'}"
        for name, kind in kinds.items()
    )


def _given() -> str:
    kinds = {kind.__name__ for kind, _ in GIVEN.values()} - {"str"}
    kinds |= set(_ASYNCHRONOUS.values())
    return "\n".join(
        [
            "from typing import Any",
            *(f"from orderbase import {kind} as {kind}" for kind in sorted(kinds)),
            "anything: Any = None",
            *(f"{name}: {kind.__name__} = anything" for name, (kind, _) in GIVEN.items()),
        ]
    )
