"""What all bodies have in common."""

from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Shown = TypeVar("Shown")

# Controls, and what hides or turns text around: zero width, line separators, direction.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]*$"
Line = Annotated[str, StringConstraints(max_length=200, pattern=_PLAIN)]
"""Text of one line."""
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
"""Text of any lines."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["EUR"])]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["DE"])]
Money = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000_000, examples=[1990])]
"""Minor units of an ISO 4217 currency."""


def _describe(schema: dict[str, Any], kind: type[BaseModel]) -> None:
    """What the document says beyond the fields."""
    if example := getattr(kind, "example", None):
        schema["examples"] = [example]
    if issubclass(kind, Changes):
        schema["minProperties"] = 1
        for field in schema["properties"].values():
            field.pop("default", None)


class Fields(BaseModel):
    """Camel case outside, snake case here. A class variable `example` goes into the document."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        json_schema_extra=_describe,
    )


class Request(Fields):
    """A body that somebody sends: fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class Changes(Request):
    """Some fields of a thing: those that are not given stay as they are."""

    @model_validator(mode="after")
    def _change_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name at least one field.")
        return self

    def given(self) -> dict[str, Any]:
        """The fields to change, in snake case."""
        return self.model_dump(mode="json", exclude_unset=True)


class Page(Fields, Generic[Shown]):
    """Some of many; `nextCursor` gets the next ones, and is null on the last page."""

    data: list[Shown]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """As the document calls it."""
        return f"{params[0].__name__}Page"
