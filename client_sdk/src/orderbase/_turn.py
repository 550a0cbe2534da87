"""Whose turn it is."""

import threading


class Turn:
    """Which thread has it, if any. Nobody waits for it."""

    def __init__(self) -> None:
        self._holder: dict[str, int] = {}

    def take(self) -> bool:
        """Whether this thread has it: now, or still."""
        thread = threading.get_ident()
        # In one step, so that no interrupt comes between having it and being known as its holder.
        return self._holder.setdefault("thread", thread) == thread

    def give_back(self) -> None:
        """Nothing happens if this thread does not have it."""
        if self._holder.get("thread") == threading.get_ident():
            self._holder.clear()
