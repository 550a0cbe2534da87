"""Rows as they come from Postgres, and their values as JSON."""

from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]
Json = dict[str, Any]


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z, or nothing."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
