"""Tokens in URLs: each lets its bearer read or write one object for a while."""

import hashlib
import hmac
import time
from typing import Literal

import jwt

from local_stack.keys import Keys
from local_stack.storage.errors import StorageError
from local_stack.tokens import Claims

Scope = Literal["download", "upload"]
_ALGORITHM = "HS256"


class Signatures:
    """Signs with a key of its own: no such token passes for a user's, nor the reverse."""

    def __init__(self, keys: Keys) -> None:
        self._key = hmac.digest(keys.jwt_secret.encode(), b"storage urls", hashlib.sha256)

    def sign(self, scope: Scope, url: str, seconds: int, **more: object) -> str:
        """A token for the object at `url`, which is `bucket/key`."""
        now = int(time.time())
        claims = {**more, "url": url, "scope": scope, "iat": now, "exp": now + seconds}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str, scope: Scope, url: str) -> Claims:
        """The claims of a token made for just this.

        Raises:
            StorageError: 400, it is forged, expired, or made for something else.
        """
        try:
            claims: Claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM])
        except jwt.ExpiredSignatureError as error:
            message = '"exp" claim timestamp check failed'
            raise StorageError(400, "InvalidJWT", message) from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise StorageError(400, "InvalidJWT", str(error)) from error
        if claims.get("scope") != scope:
            raise StorageError(400, "InvalidSignature", f"Token is not scoped for {scope}")
        if claims.get("url") != url:
            raise StorageError(400, "InvalidSignature", "Invalid signature")
        return claims
