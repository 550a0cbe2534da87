"""Which columns to ask for."""

from pydantic import BaseModel


def columns_of(model: type[BaseModel]) -> str:
    """The columns that a model is read from, if all its fields are columns."""
    return ",".join(field.alias or name for name, field in model.model_fields.items())
