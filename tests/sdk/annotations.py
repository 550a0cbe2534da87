"""The names that stand in the signatures of what is public, as its source has them."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import TypeVar

_PACKAGE = "orderbase"


def names_of(value: object) -> set[str]:
    """Names of ours in the annotations of a class and its bases, or of a function."""
    if isinstance(value, FunctionType):
        return _ours(value.__module__, _of_function(_source_of(value)))
    kinds = value.__mro__ if isinstance(value, type) else ()
    ours = (kind for kind in kinds if kind.__module__.partition(".")[0] == _PACKAGE)
    return {name for kind in ours for name in _ours(kind.__module__, _of_class(kind))}


def _source_of(value: type | FunctionType) -> ast.AST:
    return next(
        node
        for node in _parsed(value.__module__).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == value.__name__
    )


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def _of_class(kind: type) -> Iterator[ast.expr]:
    source = _source_of(kind)
    assert isinstance(source, ast.ClassDef)
    made_by_users = "Args:" in (kind.__doc__ or "")
    for node in source.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield node.annotation
            case ast.FunctionDef(name="__init__"):
                yield from _of_function(node) if made_by_users else ()
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from () if name.startswith("_") else _of_function(node)


def _of_function(function: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.annotation
        if node is function and (answer := getattr(node, "returns", None)) is not None:
            yield answer


def _ours(module: str, annotations: Iterator[ast.expr]) -> set[str]:
    known = _names_of_ours(module)
    return {name for annotation in annotations for name in _names(annotation) if name in known}


def _names(annotation: ast.expr) -> Iterator[str]:
    """`Order` of Order, of "Order", of list[Order] and of orders.Order."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


@cache
def _names_of_ours(module: str) -> frozenset[str]:
    """What a module defines, or has from others of the package; modules, type variables aside."""
    found = dict[str, object]()
    for node in _statements(_parsed(module)):
        match node:
            case ast.ImportFrom(module=str(origin)) if origin.partition(".")[0] == _PACKAGE:
                for alias in node.names:
                    value = getattr(import_module(origin), alias.name)
                    if inspect.ismodule(value):  # its names are said with it
                        found |= dict.fromkeys(_names_of_ours(value.__name__))
                    else:
                        found[alias.asname or alias.name] = value
            case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = None
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = getattr(sys.modules[module], name)
    return frozenset(name for name, value in found.items() if not isinstance(value, TypeVar))


def _statements(module: ast.Module) -> Iterator[ast.stmt]:
    for node in module.body:
        yield from node.body if isinstance(node, ast.If) else (node,)  # if TYPE_CHECKING
