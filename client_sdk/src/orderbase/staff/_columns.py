"""Which columns to ask for."""

from collections.abc import Container

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo


def columns_of(model: type[BaseModel], *, but: Container[str] = ()) -> str:
    """The columns that a model is read from, if all its fields are columns."""
    fields = model.model_fields.items()
    return ",".join(column_of(name, field) for name, field in fields if name not in but)


def column_of(name: str, field: FieldInfo) -> str:
    """The column that a field is read from; its other names are those that it is written by."""
    alias = field.validation_alias
    return str(alias.choices[-1] if isinstance(alias, AliasChoices) else alias or name)
