"""What happened in a run, line by line."""

import json
import time
from pathlib import Path


class History:
    """A file of JSON objects, in the order of what they tell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = time.monotonic()
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def write(self, what: str, **fields: object) -> None:
        """Add a line."""
        entry = {"at": round(time.monotonic() - self._begun, 3), "what": what, **fields}
        self._file.write(json.dumps(entry, default=str) + "\n")

    def close(self) -> None:
        self._file.close()
