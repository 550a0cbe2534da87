"""Durations as Go writes them: how long a ban lasts."""

import re
from datetime import timedelta

from local_stack.auth.errors import invalid

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)(ns|us|µs|ms|s|m|h)")
_LONGEST = 2**63 / 1e9
"""Seconds: Go counts nanoseconds in 64 bits, 292 years."""


def parse_duration(text: str) -> timedelta:
    """The duration that a text such as `1h30m` means.

    Raises:
        AuthError: 400, it is none, is negative, or is longer than 292 years.
    """
    parts = _PART.findall(text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not parts or "".join(map("".join, parts)) != text or seconds > _LONGEST:
        raise invalid(f"invalid format for ban duration: {text[:40]!r}")
    return timedelta(seconds=seconds)
