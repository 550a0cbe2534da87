"""Faults on demand, as the docstring of the package lists them."""

import random
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Mode = Literal[
    "none",
    "charge_then_hang",
    "charge_then_500",
    "refuse",
    "slow",
    "error_503",
    "rate_limit",
    "garbage",
    "black_hole",
]
_OF_WRITES = ("charge_then_hang", "charge_then_500")


class Fault(BaseModel):
    """Which requests are struck, and how. The same settings strike the same requests."""

    model_config = ConfigDict(extra="forbid")
    mode: Mode = "none"
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    """How many requests are still to be struck; null is no limit."""
    delay_seconds: Annotated[float, Field(ge=0, le=3600)] = 60
    path: str = "/v1"
    method: Literal["GET", "POST"] | None = None
    _random: random.Random = random.Random(0)  # noqa: S311 - chance, not secrecy

    def model_post_init(self, _context: object) -> None:
        self._random = random.Random(0)  # noqa: S311 - chance, not secrecy

    def applies(self, method: str, path: str) -> bool:
        """Whether this request is to be struck; throws the dice if there are any."""
        if self.times == 0 or not path.startswith(self.path):
            return False
        if self.method not in (None, method) or (self.mode in _OF_WRITES and method != "POST"):
            return False
        return self._random.random() < self.rate

    def spend(self) -> bool:
        """Count a request that is struck; whether there is a strike left."""
        if self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


_SETTINGS: TypeAdapter[list[Fault] | Fault] = TypeAdapter(
    Annotated[list[Fault], Field(max_length=20)] | Fault
)


def read(settings: bytes) -> list[Fault]:
    """The faults of a JSON object or list.

    Raises:
        pydantic.ValidationError: it is neither, or not of faults.
    """
    given = _SETTINGS.validate_json(settings)
    faults = given if isinstance(given, list) else [given]
    return [fault for fault in faults if fault.mode != "none"]


def choose(faults: Sequence[Fault], method: str, path: str) -> Fault | None:
    """The first that applies to a request."""
    return next((fault for fault in faults if fault.applies(method, path)), None)
