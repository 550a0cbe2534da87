"""The examples in docstrings run, on the fake shop."""

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import orderbase
from orderbase import AsyncOrderbase, Orderbase, tables
from orderbase.testing import FakeShop
from tests.sdk.live import ADDRESS

SOURCE = Path(orderbase.__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SECTIONS = re.compile(r"^(Args|Attributes|Raises):$", re.MULTILINE)
_BLOCK = re.compile(r"\n\n((?: {4}.*\n|\n)+)")
NOT_RUN = {"_columns.Table": "of tables that there are not", "webhooks": "of a web server"}


def examples() -> Iterator[tuple[str, str]]:
    """Where each is, and its code."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = (ast.get_docstring(node) or "") if isinstance(node, _DOCUMENTED) else ""
            for code in _BLOCK.findall(f"{_SECTIONS.split(text)[0]}\n"):
                if code.strip():
                    yield f"{module}.{getattr(node, 'name', '')}".strip("."), textwrap.dedent(code)


EXAMPLES = list(examples())


def test_examples_are_found() -> None:
    found = {place for place, _ in EXAMPLES}
    assert found >= {"_client.verb", "_sync.Orderbase", "_rows.shaped", *NOT_RUN}


@pytest.mark.parametrize(("place", "code"), EXAMPLES, ids=[place for place, _ in EXAMPLES])
async def test_an_example_runs(place: str, code: str) -> None:
    program = compile(code, place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if place in NOT_RUN or _leaves_something_out(code):
        return
    fake = FakeShop()
    cup = fake.add_product(price=orderbase.Money(100, "EUR"))
    async with fake.async_client() as shop:
        await shop.auth.sign_in_as_guest()
        await shop.orders.place(
            {cup.id: 1}, shipping_address=ADDRESS, payment_method="pm_card_visa", email="a@b.com"
        )
        names = {
            **vars(orderbase), "BaseModel": BaseModel, "Field": Field, "tables": tables,
            "AsyncOrderbase": partial(AsyncOrderbase, transport=fake.transport()),
            "Orderbase": partial(Orderbase, transport=fake.transport()),
            "shop": shop, "url": fake.url, "key": fake.key,
        }  # fmt: skip
        if program.co_flags & inspect.CO_COROUTINE:
            await eval(program, names)  # noqa: S307 - our own example
        else:
            await asyncio.to_thread(exec, program, names)


def _leaves_something_out(code: str) -> bool:
    """`...` stands where readers put something of their own."""
    return any(
        isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(ast.parse(code))
    )
