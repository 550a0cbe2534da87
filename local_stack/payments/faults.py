"""Faults on demand, as the docstring of the package lists them."""

import random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["none", "charge_then_hang", "charge_then_500", "refuse", "slow"]


class Faults(BaseModel):
    """Which requests are struck, and how. The same settings strike the same requests."""

    model_config = ConfigDict(extra="forbid")
    mode: Mode = "none"
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    """How many requests are still to be struck; null is no limit."""
    delay_seconds: Annotated[float, Field(ge=0, le=3600)] = 60
    path: str = "/v1"
    _random: random.Random = random.Random(0)  # noqa: S311 - chance, not secrecy

    def model_post_init(self, _context: object) -> None:
        self._random = random.Random(0)  # noqa: S311 - chance, not secrecy

    def strike(self, mode: Mode, path: str) -> bool:
        """Whether this request is struck by this fault; counts it if so."""
        if mode != self.mode or self.times == 0 or not path.startswith(self.path):
            return False
        if self._random.random() >= self.rate:
            return False
        if self.times is not None:
            self.times -= 1
        return True
