"""The codes that the client's own source says, found by reading it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orderbase import errors

_PACKAGE = Path(errors.__file__).parent
_FAKE = _PACKAGE / "testing"  # says what the shop says
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Said(NamedTuple):
    """An error that is made with a code."""

    error: str
    code: str


def said_codes() -> set[Said]:
    """All of them; a code that depends on a parameter, by each argument that it is given.

    Raises:
        AssertionError: a code depends on something else.
    """
    trees = [ast.parse(path.read_text("utf-8")) for path in _sources()]
    calls = [
        (tree, node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)
    ]
    return {
        Said(error, code)
        for tree in trees
        for error, value, around in _made(tree, ())
        for code in _codes(value, around, calls)
    }


def _sources() -> Iterator[Path]:
    return (path for path in _PACKAGE.rglob("*.py") if _FAKE not in path.parents)


def _made(
    node: ast.AST, around: tuple[_Function, ...]
) -> Iterator[tuple[str, ast.expr, tuple[_Function, ...]]]:
    """Each error with its code, and the functions around it, from the innermost one on."""
    if isinstance(node, _Function):
        around = (node, *around)
    if isinstance(node, ast.Call):
        name = _name(node.func)
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.OrderbaseError):
            yield from ((name, word.value, around) for word in node.keywords if word.arg == "code")
    for child in ast.iter_child_nodes(node):
        yield from _made(child, around)


def _codes(
    value: ast.expr, around: tuple[_Function, ...], calls: list[tuple[ast.Module, ast.Call]]
) -> Iterator[str]:
    match value:
        case ast.Constant(str(code)):
            yield code
        case ast.JoinedStr([ast.Constant(str(begin)), ast.FormattedValue(ast.Name(name))]):
            yield from (begin + given for given in _given(name, around, calls))
        case ast.Name(name):
            yield from _given(name, around, calls)
        case ast.Attribute(ast.Name("error"), "code"):
            pass  # passed on
        case _:
            raise AssertionError(f"{ast.unparse(value)} is a code that nobody finds")


def _given(
    name: str, around: tuple[_Function, ...], calls: list[tuple[ast.Module, ast.Call]]
) -> Iterator[str]:
    """What the parameter of a function around is given wherever it is called."""
    function, place = next(
        (function, place)
        for function in around
        for place, parameter in enumerate(function.args.args)
        if parameter.arg == name
    )
    for tree, call in calls:
        if ast.unparse(call.func) == function.name:
            arguments = [*_spread(tree, call), *function.args.defaults]  # the last one's, if any
            yield _text(arguments[place])


def _spread(tree: ast.Module, call: ast.Call) -> Iterator[ast.expr]:
    """The arguments; `*NAME` is the module's tuple of that name."""
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            (constant,) = (
                node.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == ast.unparse(argument.value)
            )
            assert isinstance(constant, ast.Tuple)
            yield from constant.elts
        else:
            yield argument


def _text(value: ast.expr) -> str:
    assert isinstance(value, ast.Constant), ast.unparse(value)
    return str(value.value)


def _name(function: ast.expr) -> str:
    """Its name, without that of its module."""
    return ast.unparse(function).rpartition(".")[2]
