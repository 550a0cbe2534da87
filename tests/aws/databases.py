"""A database that only notes which verbs are called."""

from collections.abc import Mapping
from typing import Any

from functions.kit.database import Database, DatabaseUnavailable, Row


class Notes(Database):
    """Answers each event of a batch by its type."""

    def __init__(self, effects: Mapping[str, str] | None = None, *, away: bool = False) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._effects = effects or {}
        self._away = away

    async def call(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        """Note it."""
        self.calls.append((verb, dict(arguments)))
        if self._away:
            raise DatabaseUnavailable("no answer")
        return [
            {"id": event["id"], "effect": self._effects.get(event.get("type", ""), "unknown_type")}
            for event in self.events()
        ]

    def events(self) -> list[Row]:
        """Those of the last call."""
        events: list[Row] = self.calls[-1][1].get("events", [])
        return events
