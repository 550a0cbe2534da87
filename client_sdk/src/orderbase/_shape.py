"""What to read of each row: the columns that a model has fields for."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from orderbase._call import ALL
from orderbase._facts import TABLES, Facts
from orderbase._keyset import Key
from orderbase.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)

_OURS = "orderbase_"
"""What the columns are called that we ask for to know where a page ends."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[M]):
    """What is read of each row, and as what.

    Args:
        model: what a row is read as.
        columns: what is selected for it.
        ours: whether the model is the schema's, with all columns, rather than the caller's.
    """

    model: type[M]
    columns: str
    ours: bool

    def with_keys(self, keys: Sequence[Key]) -> str:
        """What to select to know where a page ends, too."""
        if self.ours:
            return self.columns
        return ",".join((self.columns, *(f"{_OURS}{key.column}:{key.column}" for key in keys)))

    def rows(self, content: bytes) -> list[M]:
        """The rows that came.

        Raises:
            InvalidRequest: "shape_mismatch": the caller's model says other than the database.
        """
        try:
            return _reader(self.model).validate_json(self._asked_for(content))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            if self.ours or first["type"] == "json_invalid":
                raise
            where = ".".join(str(part) for part in first["loc"][1:])
            message = f"{self.model.__name__}.{where} is not what the rows have: {first['msg']}."
            raise InvalidRequest(message, code="shape_mismatch") from error

    def _asked_for(self, content: bytes) -> bytes:
        """Without what the model refuses, as we have asked for it."""
        if self.ours or self.model.model_config.get("extra") != "forbid":
            return content
        rows = cast(list[dict[str, object]], json.loads(content))
        for row in rows:
            for name in [name for name in row if name.startswith(_OURS)]:
                del row[name]
        return json.dumps(rows).encode()

    def place(self, content: bytes, row: int, keys: Sequence[Key]) -> list[object]:
        """The values of a row by which its place is known."""
        values = json.loads(content, parse_float=str)[row]  # as exact as the database wrote it
        return [values[key.column if self.ours else f"{_OURS}{key.column}"] for key in keys]


@lru_cache
def _reader(model: type[M]) -> TypeAdapter[list[M]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]


def shape_of_rows(facts: Facts[M]) -> Shape[M]:
    """Rows as they are."""
    return Shape(facts.row, ALL, ours=True)


def shape_of(facts: Facts[Any], model: type[M]) -> Shape[M]:
    """Rows as a model wants them: see AsyncRows.shaped.

    Raises:
        InvalidRequest: "invalid_shape": the database has no such columns, or no such table.
    """
    return Shape(model, ",".join(_columns(facts, model, ())), ours=False)


def _columns(
    facts: Facts[Any], model: type[BaseModel], outer: tuple[type[BaseModel], ...]
) -> Iterator[str]:
    if model in outer:
        raise _refusal(f"{model.__name__} contains itself.")
    model.model_rebuild()
    for name, field in model.model_fields.items():
        asked = _asked(name, field)
        inner = _model_within(field.annotation)
        if facts.has(asked):
            yield asked
        elif inner is None:
            raise _refusal(f"{model.__name__}.{name}: {facts.name} has no column {asked}.")
        elif asked not in TABLES:
            raise _refusal(f"{model.__name__}.{name}: there is no table {asked}.")
        else:
            yield f"{asked}({','.join(_columns(TABLES[asked], inner, (*outer, model)))})"


def _asked(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return alias if isinstance(alias, str) else field.alias or name


def _model_within(annotation: object) -> type[BaseModel] | None:
    """The model in such as `Model`, `Model | None` or `list[Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_within(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _refusal(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_shape")
