"""The examples of a page of the documentation: found, and run in order in one namespace.

Front matter says what the page is `given`: things by name, or names that are things. A block of
`text` is what the block before it prints, where `...` stands for anything. One with a `title` is a
file of that name. `<!-- not run: why -->` before a block leaves it out.
"""

import ast
import doctest
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from types import CodeType

import yaml  # type: ignore[import-untyped]  # its one use needs no types

_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]+) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its first line, `output` what it prints."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None
    title: str | None
    output: str | None

    def filled(self, values: Mapping[str, str]) -> "Block":
        """With values in place of what stands for them."""
        code = self.code
        for placeholder, value in values.items():
            code = code.replace(placeholder, value)
        return replace(self, code=code)

    def compiled(self) -> CodeType:
        """Its program, whose tracebacks show the page."""
        program = "\n" * (self.line - 1) + self.code
        code: CodeType = compile(program, self.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return code

    def check(self, printed: str) -> None:
        """The page says what it prints."""
        right = self.output is None or doctest.OutputChecker().check_output(
            self.output, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        )
        assert right, f"{self.page}:{self.line} prints:\n{printed}"


@dataclass(frozen=True)
class Page:
    """A page: its names for the things that it is given, and its blocks."""

    path: Path
    given: Mapping[str, str]
    blocks: tuple[Block, ...]


def read(path: Path) -> Page:
    """The examples of a page."""
    text = path.read_text("utf-8")
    front = _FRONT_MATTER.match(text)
    given = yaml.safe_load(front[1]).get("given", {}) if front else {}
    things = given if isinstance(given, dict) else {name: name for name in given}
    return Page(path, things, tuple(_blocks(path, text)))


def is_asynchronous(program: CodeType) -> bool:
    """Whether it awaits something outside of a function."""
    return bool(program.co_flags & inspect.CO_COROUTINE)


def _blocks(path: Path, text: str) -> Iterator[Block]:
    found = list(_BLOCK.finditer(text))
    for block, following in zip_longest(found, found[1:]):
        prints = following is not None and following["language"] == "text"
        if block["language"] != "text":
            yield Block(
                path,
                text.count("\n", 0, block.start("code")) + 1,
                block["language"],
                textwrap.dedent(block["code"]),
                block["reason"],
                block["title"],
                textwrap.dedent(following["code"]) if following and prints else None,
            )
