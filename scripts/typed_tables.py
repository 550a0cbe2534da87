"""The SDK's tables as types: made of the types of their rows, and of their primary keys."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

_HEAD = '''"""The tables of the shop, typed: see `shop.rows`. Written by `make types`."""

from __future__ import annotations

import datetime
import uuid
from typing import ClassVar

from pydantic import JsonValue

from orderbase import schema
from orderbase._columns import Column, Table
'''
_CATALOGUE = """
    select
      class.relname, coalesce(obj_description(class.oid, 'pg_class'), ''),
      array(
        select attribute.attname::text
        from unnest(key.indkey) with ordinality as part (number, place)
        inner join pg_attribute as attribute
          on attribute.attrelid = class.oid and attribute.attnum = part.number
        order by part.place
      )
    from pg_class as class
    inner join pg_index as key on key.indrelid = class.oid and key.indisprimary
    where class.relnamespace = 'public'::regnamespace
    order by class.relname
"""


@dataclass(frozen=True, slots=True)
class KeyedTable:
    """A table of the catalogue, and the columns of its primary key."""

    name: str
    comment: str
    key: tuple[str, ...]

    @property
    def type_name(self) -> str:
        """What the CLI calls its rows, but for the schema."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def keyed_tables(database_url: str) -> list[KeyedTable]:
    """The tables of the schema public."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(_CATALOGUE).fetchall()
    return [KeyedTable(name, comment, tuple(key)) for name, comment, key in rows]


def typed_tables(schema: str, tables: list[KeyedTable]) -> str:
    """The module `orderbase.tables`.

    Raises:
        KeyError: the schema's types have no rows of a table.
    """
    parsed = ast.parse(schema).body
    named = (node.target for node in parsed if isinstance(node, ast.AnnAssign))
    aliases = {target.id for target in named if isinstance(target, ast.Name)}
    rows = {node.name: node for node in parsed if isinstance(node, ast.ClassDef)}
    classes = (_class(table, rows[f"Public{table.type_name}"], aliases) for table in tables)
    listed = "".join(f'    "{table.type_name}",\n' for table in tables)
    return f"{_HEAD}\n__all__ = [\n{listed}]\n" + "".join(classes)


def _class(table: KeyedTable, row: ast.ClassDef, aliases: set[str]) -> str:
    row_type = f"schema.{row.name}"
    head = (
        f"\n\nclass {table.type_name}(\n"
        f"    Table[{row_type}, {row_type}Insert, {row_type}Update],\n"
        f"    name={_text(table.name)},\n    key={_key(table.key)},\n):\n"
        f"    {_docstring(table)}\n\n"
    )
    columns = (
        f"    {name}: ClassVar[Column[{row_type}, {kind}]]\n"
        for name, kind in _columns(row, aliases)
    )
    return head + "".join(columns)


def _columns(row: ast.ClassDef, aliases: set[str]) -> Iterator[tuple[str, str]]:
    """Names, and the types of the values that are there."""
    for field in row.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            kind = field.annotation
            if isinstance(kind, ast.Subscript) and ast.unparse(kind.value) == "Optional":
                kind = kind.slice
            yield field.target.id, ast.unparse(_Qualified(aliases).visit(kind))


class _Qualified(ast.NodeTransformer):
    """Names of the schema's module, seen from another one."""

    def __init__(self, aliases: set[str]) -> None:
        self._aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.AST:
        plain = {"Bytea": "bytes", "List": "list"}.get(node.id)
        qualified = f"schema.{node.id}" if node.id in self._aliases else node.id
        return ast.Name(plain or qualified)


def _docstring(table: KeyedTable) -> str:
    comment = " ".join((table.comment or f"The table {table.name}.").split())
    return f'r"""{comment}"""' if "\\" in comment else f'"""{comment}"""'


def _text(value: str) -> str:
    return f'"{value}"'


def _key(columns: tuple[str, ...]) -> str:
    return "(" + "".join(f"{_text(column)}, " for column in columns).rstrip() + ")"
