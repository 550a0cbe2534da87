"""Who is asking, as the database will see it."""

from dataclasses import dataclass

from aiohttp import web

from local_stack.storage.errors import denied
from local_stack.tokens import Claims, InvalidTokenError, Tokens


@dataclass(frozen=True)
class Caller:
    """A database role and the claims that its policies read."""

    role: str
    claims: Claims

    @property
    def subject(self) -> str | None:
        """The user's id; API keys have none."""
        subject: str | None = self.claims.get("sub")
        return subject


SERVICE = Caller("service_role", {"role": "service_role"})
"""Storage itself, which no policy stops."""


def of_request(tokens: Tokens, request: web.BaseRequest) -> Caller:
    """The bearer of the request's token.

    Raises:
        StorageError: 403, there is no token or it is not valid.
    """
    token = tokens.of_request(request)
    if token is None:
        raise denied("Invalid Compact JWS")
    try:
        claims = tokens.verify(token)
    except InvalidTokenError as error:
        raise denied(str(error)) from error
    role = claims.get("role") or "anon"
    if not isinstance(role, str):
        raise denied("The role of the token must be text")
    return Caller(role, claims)
