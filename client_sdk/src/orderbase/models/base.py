"""What every model is: frozen, and built when it is first used."""

from pydantic import BaseModel, ConfigDict

DEFERRED = ConfigDict(defer_build=True)
"""Validators are built when they are first used: that takes as long as all other imports."""


class Model(BaseModel):
    """A frozen value, read from a row of the database."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, defer_build=True)
