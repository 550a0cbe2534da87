"""What is made of an upload, and why one is refused. Nothing here decodes pictures."""

import hashlib
from dataclasses import dataclass
from typing import Literal

MAX_BYTES = 20 << 20
"""Of an upload; the bucket has the same limit."""

Format = Literal["webp", "jpeg"]
SUFFIXES: dict[Format, str] = {"webp": "webp", "jpeg": "jpg"}


@dataclass(frozen=True)
class Variant:
    """One size of a picture in one format; sizes in pixels."""

    width: int
    height: int
    format: Format
    content: bytes

    @property
    def name(self) -> str:
        """Says what the file holds: another content has another name, the same has the same."""
        digest = hashlib.sha256(self.content).hexdigest()[:32]
        return f"{digest}-{self.width}.{SUFFIXES[self.format]}"


@dataclass(frozen=True)
class Picture:
    """An upload as the shop shows it."""

    width: int
    """Of the original, upright, in pixels."""
    height: int
    colour: str
    """The dominant one, as `#rrggbb`."""
    placeholder: str
    """A tiny blurred picture, as a `data:` URI."""
    variants: tuple[Variant, ...]
    """Widest first, each in every format."""


class Refused(Exception):  # noqa: N818 - says what happened
    """The upload is no picture that the shop takes; another try would end the same way."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        """Stable: not_an_image, unsupported_type, too_large, too_many_pixels, damaged,
        too_demanding."""
        self.text = text
        """For staff."""
