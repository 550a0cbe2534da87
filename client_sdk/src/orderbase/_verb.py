"""Any function of the database, called by its name."""

import re
from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import JsonValue, TypeAdapter
from pydantic_core import to_jsonable_python

from orderbase._call import Call, rpc
from orderbase.errors import InvalidRequest

T = TypeVar("T")

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def verb(
    name: str, arguments: Mapping[str, object], result: type[T] | TypeAdapter[T], *, repeat: bool
) -> Call[T]:
    """Call a function of the database.

    Raises:
        InvalidRequest: "invalid_verb": that is no name of one.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest("A verb is called by its name.", code="invalid_verb")
    adapter = result if isinstance(result, TypeAdapter) else TypeAdapter(result)
    sent = cast(dict[str, JsonValue], to_jsonable_python(dict(arguments)))

    def parse(content: bytes) -> T:
        return adapter.validate_json(content or b"null")

    return rpc(name, parse, sent, repeatable=repeat)
