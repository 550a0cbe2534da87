"""The environment of a function, read once when it starts and nowhere else."""

import sys
from typing import Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every function needs; each field is the variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    supabase_url: HttpUrl
    supabase_secret_key: SecretStr
    webhook_secret: SecretStr = Field(min_length=24)
    """Signs wake-ups; the database holds the same text."""
    metrics_token: SecretStr | None = None
    """Who sends it as a bearer token reads /metrics; without it, nobody does."""
    release: str | None = None
    """The version that /health tells, as a commit; without it, the installed distribution's."""

    @classmethod
    def load(cls) -> Self:
        """Read the environment; end the process with one line if it will not do."""
        try:
            return cls()
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            sys.exit(" ".join(_complaint(problem) for problem in problems))


def _complaint(problem: ErrorDetails) -> str:
    variable = str(problem["loc"][0]).upper()
    if problem["type"] == "missing":
        return f"{variable} is not set."
    return f"{variable} cannot be used: {problem['msg']}."
