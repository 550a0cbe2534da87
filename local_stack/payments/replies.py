"""What a request was answered, kept for its idempotency key."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """What a request was answered, with the id of the request that was."""

    request: str
    status: int
    body: str


@dataclass(frozen=True)
class SavedReply:
    """The first request of an idempotency key, and its answer."""

    path: str
    parameters: str
    reply: Reply
