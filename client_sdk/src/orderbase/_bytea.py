r"""Bytes of the database, which REST writes as `\x` and hexadecimal digits."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator


def _read(value: object) -> object:
    if isinstance(value, str) and value.startswith("\\x"):
        return bytes.fromhex(value[2:])
    return value


Bytea: TypeAlias = Annotated[bytes, BeforeValidator(_read)]
"""The type of such columns in `orderbase.schema`."""
