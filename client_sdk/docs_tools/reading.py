"""How the reference reads the source, where a reader of the text alone would miss something.

`place = blocking(AsyncOrders.place)` is an attribute to it: here it becomes the method that it is,
with the parameters, the result and the docstring of the asynchronous one. The fields of a value
become one list, where each would get a heading of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Class,
    Docstring,
    DocstringAttribute,
    DocstringSectionAttributes,
    DocstringSectionKind,
    Expr,
    ExprCall,
    Extension,
    Function,
    Module,
)

_WRAPPERS = {"blocking", "iterating"}


class BlockingMethods(Extension):
    """An extension of Griffe, which reads the source."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:  # noqa: ANN401 - as Griffe calls it
        """When the whole package was read."""
        for kind in _classes(pkg):
            for name, member in tuple(kind.members.items()):
                if isinstance(member, Attribute) and (path := _wrapped(member)):
                    kind.set_member(name, _blocking(pkg[path], member))


class FieldLists(Extension):
    """Another one; it comes after the first."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:  # noqa: ANN401 - as Griffe calls it
        """When the whole package was read."""
        found = [(kind, _fields(kind)) for kind in _classes(pkg)]
        for kind, fields in found:
            if fields and kind.docstring and not _explains_fields(kind.docstring):
                kind.docstring.parsed.append(_list(fields))
            for field in fields:
                kind.members.pop(field.name, None)  # those of a base are not there


def _classes(module: Module) -> Iterator[Class]:
    for member in module.members.values():
        if isinstance(member, Class):
            yield member
        elif isinstance(member, Module):
            yield from _classes(member)


def _wrapped(member: Attribute) -> str | None:
    """The method that the attribute wraps, named from the package on."""
    call = member.value
    if not isinstance(call, ExprCall) or call.function.canonical_name not in _WRAPPERS:
        return None
    method = call.arguments[0]
    return None if isinstance(method, str) else method.canonical_path.partition(".")[2]


def _blocking(method: Function, member: Attribute) -> Function:
    return Function(
        member.name,
        lineno=member.lineno,
        endlineno=member.endlineno,
        parameters=method.parameters,
        returns=_returned(method),
        docstring=method.docstring,
        analysis=member.analysis,
    )


def _returned(method: Function) -> str | Expr | None:
    """What `iterating` gives has the name of the asynchronous one without "Async"."""
    result = str(method.returns)
    return result.removeprefix("Async") if result.startswith("AsyncEach") else method.returns


def _fields(kind: Class) -> list[Attribute | Alias]:
    return [
        member
        for name, member in kind.all_members.items()
        if isinstance(member, Attribute | Alias)
        and member.is_attribute
        and member.docstring is None
        and not name.startswith("_")
        and name != "model_config"
    ]


def _explains_fields(docstring: Docstring) -> bool:
    kinds = {section.kind for section in docstring.parsed}
    return bool(kinds & {DocstringSectionKind.attributes, DocstringSectionKind.parameters})


def _type(field: Attribute | Alias) -> str | Expr | None:
    """What is said, or the class that is called."""
    value: str | Expr | None = field.value
    return value.function if isinstance(value, ExprCall) else field.annotation


def _list(fields: Sequence[Attribute | Alias]) -> DocstringSectionAttributes:
    return DocstringSectionAttributes(
        [
            DocstringAttribute(field.name, annotation=_type(field), description="")
            for field in fields
        ]
    )
