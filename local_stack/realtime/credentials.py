"""Whose eyes a channel sees with: the checked claims of its token."""

import json
from dataclasses import dataclass

from local_stack.tokens import InvalidTokenError, Tokens


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token that was valid when it was read."""

    token: str
    role: str
    claims: str
    """All claims as JSON, for `request.jwt.claims`."""
    expires_at: int
    """Unix time in seconds."""


def read(tokens: Tokens, token: str) -> Credentials:
    """Check a token.

    Raises:
        InvalidTokenError: forged, expired, or without `role` or `exp`.
    """
    claims = tokens.verify(token)
    role, expires_at = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or not isinstance(expires_at, int):
        raise InvalidTokenError("Fields `role` and `exp` are required in JWT")
    return Credentials(token, role, json.dumps(claims, sort_keys=True), expires_at)
