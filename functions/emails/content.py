"""What a mail says, before it is text or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The order that a mail is about."""

    title: str
    url: str
    items: Sequence[tuple[str, str]]
    """What each is, and its price."""
    total: str


@dataclass(frozen=True)
class Content:
    """The parts of a mail, in the order in which they are shown."""

    subject: str
    heading: str
    greeting: str | None
    paragraphs: Sequence[str]
    address: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    """More paragraphs."""
    button: tuple[str, str] | None = None
    """Its text, and where it leads."""
    order: Summary | None = None
    unsubscribe: tuple[str, str] | None = None
    """For what is more than the business at hand: a text that says how to end it, and where."""
