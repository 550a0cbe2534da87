"""Which shop is meant: the environment, or a file of dotenv lines as `make env` prints them."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from admin.errors import AdminError

_HINT = "Set it, or for the local shop say: orderbase-admin --env-file <(make env) ..."


class Settings:
    """Variables by name. The file, if there is one, goes before the environment."""

    def __init__(self, env_file: str | None, environment: Mapping[str, str] = os.environ) -> None:
        self._values = dict(environment) | (_read(env_file) if env_file else {})

    def require(self, name: str) -> str:
        """The value.

        Raises:
            AdminError: it is not set.
        """
        value = self._values.get(name)
        if not value:
            raise AdminError(f"{name} is not set. {_HINT}")
        return value

    def get(self, name: str) -> str | None:
        """The value, or None."""
        return self._values.get(name) or None


def _read(path: str) -> dict[str, str]:
    try:
        with Path(path).open(encoding="utf-8") as lines:  # may be a pipe
            found = dotenv_values(stream=lines, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AdminError(f"The file {path} cannot be read: {reason}.") from error
    return {name: value for name, value in found.items() if value is not None}
