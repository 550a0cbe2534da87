"""What every model is: frozen, and built when it is first used."""

from collections.abc import Iterable
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import CoreSchema, core_schema

S = TypeVar("S", bound=str)

DEFERRED = ConfigDict(defer_build=True)
"""Validators are built when they are first used: that takes as long as all other imports."""


class AnyText:
    """Reads any text, whatever texts the annotated type names."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return core_schema.str_schema()


Told: TypeAlias = Annotated[S, AnyText]
"""Type checkers see the type itself, which names all texts that this version knows. Any other is
read, too: a newer shop may tell it."""


class Model(
    BaseModel, frozen=True, serialize_by_alias=True, validate_by_name=True, defer_build=True
):
    """A frozen value, read from a row of the database.

    Each kind says that it is frozen: type checkers go by the statement of its class alone. No
    field has an `alias`: mypy would take that for an attribute of a frozen class, in the place of
    the property of that name.
    """


def share_currency(currency: str, lines: Iterable[Model]) -> None:
    """Tell lines the currency of what they belong to: their own rows do not have it."""
    for line in lines:
        vars(line)["currency"] = currency  # frozen for everybody else
        line.model_fields_set.add("currency")
