"""Which version of the shop a process runs."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTION = "orderbase-shop"


@cache
def installed_version() -> str:
    """The installed distribution's; `unknown` if only its files are there."""
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
