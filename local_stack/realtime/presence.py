"""Who is on a topic, and what each of them says about itself."""

import json
import secrets
from typing import Any

Meta = dict[str, Any]


class Presence:
    """The presences of one topic: under each key the metas of all clients that use it."""

    def __init__(self) -> None:
        self._metas: dict[str, dict[str, Meta]] = {}

    def track(self, key: str, previous: str | None, meta: Meta) -> tuple[str, str]:
        """Show `meta` under the key instead of the client's previous one.

        Returns:
            The reference of the new presence, and the difference as JSON.
        """
        ref = secrets.token_urlsafe(12)
        left = self._metas.get(key, {}).pop(previous, None) if previous else None
        new = {**meta, "phx_ref": ref} | ({"phx_ref_prev": previous} if left else {})
        self._metas.setdefault(key, {})[ref] = new
        return ref, _diff(joins={key: [new]}, leaves={key: [left]} if left else {})

    def untrack(self, key: str, ref: str) -> str:
        """Take a presence away; returns the difference as JSON."""
        metas = self._metas[key]
        left = metas.pop(ref)
        if not metas:
            del self._metas[key]
        return _diff(joins={}, leaves={key: [left]})

    def state(self) -> str:
        """All presences as JSON."""
        return json.dumps(
            _listed({key: list(metas.values()) for key, metas in self._metas.items()})
        )


def _diff(*, joins: dict[str, list[Meta]], leaves: dict[str, list[Meta]]) -> str:
    return json.dumps({"joins": _listed(joins), "leaves": _listed(leaves)})


def _listed(metas: dict[str, list[Meta]]) -> dict[str, dict[str, list[Meta]]]:
    return {key: {"metas": found} for key, found in metas.items()}
