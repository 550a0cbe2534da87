"""The table of mutants is not stale, and the docs show it."""

import ast
from pathlib import Path

import pytest

from tests.mutants.mutant import REPOSITORY, Mutant
from tests.mutants.table import MUTANTS

DOCS = REPOSITORY / "docs" / "defences.md"
LEAST = 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_defence_and_its_test_are_there(mutant: Mutant) -> None:
    text = (REPOSITORY / mutant.file).read_text("utf-8")
    assert text.count(mutant.old) == 1
    path, _, test = mutant.test.partition("::")
    assert test.partition("[")[0] in functions_of(REPOSITORY / path)


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_there_are_enough_and_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= LEAST


def test_the_docs_show_the_table() -> None:
    lines = DOCS.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("| ") and "::" in line] == [
        f"| {mutant.defence} | {mutant.name} | `{mutant.test}` |" for mutant in MUTANTS
    ]
