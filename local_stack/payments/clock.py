"""The double's clock: it can be moved, so that a test need not wait for a day to pass."""

import time
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Offset = Annotated[float, Field(ge=-1e9, le=1e9)]


class ClockSettings(BaseModel):
    """How far each clock is ahead of the true one, in seconds."""

    model_config = ConfigDict(extra="forbid")
    offset_seconds: Offset
    webhook_offset_seconds: Offset = 0


class Clock:
    """Dates objects and ages keys, authorisations and refunds; webhooks are signed in real time."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self.settings = ClockSettings(offset_seconds=0)

    def __call__(self) -> float:
        return self._base() + self.settings.offset_seconds

    def for_signatures(self) -> float:
        """The time that webhook signatures carry."""
        return time.time() + self.settings.webhook_offset_seconds
