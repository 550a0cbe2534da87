"""Access tokens of Supabase Auth, verified here: no call leaves for a token that is known."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from functions.api.keys import KeySet

_LEGACY = "HS256"
_AUDIENCE = "authenticated"
_ROLE = "authenticated"
_SKEW_SECONDS = 30
"""How far Auth's clock may be ahead; a token is over when our clock says so, without grace."""
_REQUIRED = ["sub", "aud", "exp", "iss"]


class InvalidToken(Exception):  # noqa: N818 - says what happened
    """It is malformed, forged, of somebody else's Auth, or out of its time."""


@dataclass(frozen=True)
class User:
    """Who calls, as their token says."""

    id: UUID
    is_staff: bool
    is_guest: bool
    email: str | None
    token: str


class Tokens:
    """Verifies by the keys of Auth and, where there is one, by the legacy secret."""

    def __init__(
        self,
        keys: KeySet,
        issuer: str,
        secret: SecretStr | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` tells seconds since 1970."""
        self._keys = keys
        self._issuer = issuer
        self._secret = secret
        self._clock = clock

    async def verify(self, token: str) -> User:
        """The user whose token this is.

        Raises:
            InvalidToken: it proves nobody.
            KeysUnavailable: it cannot be told.
        """
        import jwt  # noqa: PLC0415 - a process answers before this is imported

        try:
            key, algorithm = await self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=_AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_iat": False, "verify_nbf": False},
            )
            self._check_begin(claims)
            return _user(claims, token)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidToken from error

    async def _key(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key and the only algorithm that may have made a token with this header."""
        if header.get("alg") == _LEGACY:
            if self._secret is None:
                raise InvalidToken
            return self._secret.get_secret_value(), _LEGACY
        kid = header.get("kid")
        key = await self._keys.find(kid) if isinstance(kid, str) else None
        if key is None:
            raise InvalidToken
        return key.key, key.algorithm_name

    def _check_begin(self, claims: Mapping[str, Any]) -> None:
        latest = self._clock() + _SKEW_SECONDS
        if any(float(claims[name]) > latest for name in ("iat", "nbf") if name in claims):
            raise InvalidToken


def _user(claims: Mapping[str, Any], token: str) -> User:
    if claims.get("role") != _ROLE:
        raise InvalidToken
    metadata = claims.get("app_metadata")
    return User(
        id=UUID(claims["sub"]),
        is_staff=isinstance(metadata, dict) and metadata.get("role") == "staff",
        is_guest=claims.get("is_anonymous") is True,
        email=claims.get("email") or None,
        token=token,
    )
