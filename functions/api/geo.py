"""The country that a request comes from, as a trusted proxy before us tells it."""

import re

from fastapi import Request

from functions.api.client_address import Proxies

_COUNTRY = re.compile(r"[A-Z]{2}")
_UNKNOWN = "XX"


class Countries:
    """Reads the headers in which content delivery networks tell the country of the caller."""

    def __init__(self, proxies: Proxies, headers: tuple[str, ...], default: str | None) -> None:
        """`headers` in order of preference; `default` is where nobody tells anything else."""
        self._proxies = proxies
        self.headers = headers
        """What an answer by country varies with."""
        self._default = default

    def of(self, request: Request, wanted: str | None = None) -> str | None:
        """The country that is asked for, else that of the caller, else the default.

        A header counts only if a trusted proxy sent the request, and it says one country.
        """
        if wanted is not None:
            return wanted
        if self._proxies.sent(request):
            for header in self.headers:
                if country := _only_country(request.headers.getlist(header)):
                    return country
        return self._default


def _only_country(values: list[str]) -> str | None:
    """None for what names no country: nothing, two values, `XX`, Tor's `T1`, anything else."""
    if len(values) != 1 or values[0] == _UNKNOWN or not _COUNTRY.fullmatch(values[0]):
        return None
    return values[0]
