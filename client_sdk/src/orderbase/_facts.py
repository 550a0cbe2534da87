"""What is known about a table, and which values its columns can hold."""

from datetime import datetime
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from orderbase.errors import InvalidRequest

R = TypeVar("R", bound=BaseModel)


class Facts(Generic[R]):
    """What is known about a table: its rows' type, and its primary key."""

    def __init__(self, name: str, row: type[R], key: tuple[str, ...]) -> None:
        self.name = name
        self.row = row
        self.key = key
        self._types: dict[str, TypeAdapter[object]] = {}

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return column in self.row.model_fields

    def nullable(self, column: str) -> bool:
        """Whether a row may have no value there."""
        return NoneType in get_args(self._annotation(column))

    def is_json(self, column: str) -> bool:
        """Whether it holds JSON, which has a null of its own."""
        return self._annotation(column) is JsonValue

    def check_place(self, column: str) -> None:
        """Refuse to order by what no cursor can name.

        Raises:
            InvalidRequest: "invalid_order_by".
        """
        kinds = (self._annotation(column), *get_args(self._annotation(column)))
        if self.is_json(column) or any(get_origin(kind) is list for kind in kinds):
            message = f"{self.name}.{column} holds JSON or arrays: rows have no place by it."
            raise InvalidRequest(message, code="invalid_order_by")

    def written(self, column: str, value: object) -> object:
        """A value to compare a column with.

        Raises:
            InvalidRequest: "invalid_value": it cannot hold that.
        """
        if self.is_json(column):
            return to_json(value).decode()
        if value is None:
            raise self._unfit(column, "is_null() asks for rows without a value")
        return self.checked(column, value)

    def checked(self, column: str, value: object) -> object:
        """A value to write to a column.

        Raises:
            InvalidRequest: "unknown_column", "invalid_value".
        """
        if not self.has(column):
            message = f"The table {self.name} has no column {column}."
            raise InvalidRequest(message, code="unknown_column")
        try:
            self._type(column).validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise self._unfit(column, reason) from None
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise self._unfit(column, "a moment needs a time zone")
        return value

    def _unfit(self, column: str, reason: str) -> InvalidRequest:
        return InvalidRequest(f"{self.name}.{column}: {reason}.", code="invalid_value")

    def _type(self, column: str) -> TypeAdapter[object]:
        if column not in self._types:
            self._types[column] = TypeAdapter(self._annotation(column))
        return self._types[column]

    def _annotation(self, column: str) -> Any:  # noqa: ANN401 - any type
        self.row.model_rebuild()
        return self.row.model_fields[column].annotation


TABLES: dict[str, Facts[Any]] = {}
"""The tables that there are, by name."""
