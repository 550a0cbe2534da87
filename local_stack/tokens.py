"""The JWTs of one stack: signing user tokens, checking any token, and reading API keys."""

import json
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jwt
from aiohttp import web

from local_stack.keys import Keys
from local_stack.signing import SigningKey

Claims = dict[str, Any]
LEGACY_ALGORITHM = "HS256"


class InvalidTokenError(Exception):
    """The token is malformed, forged, or out of its time; the message may be shown."""


class Tokens:
    """Signs with the stack's current key; accepts all its keys and the legacy secret."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._by_api_key = {
            keys.publishable_key: keys.anon_key,
            keys.secret_key: keys.service_role_key,
        }

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, signed by the current key and carrying its id."""
        return jwt.encode(
            dict(claims),
            self._signing.private,
            algorithm=self._signing.algorithm,
            headers={"kid": self.public_key["kid"]},
        )

    def verify(self, token: str) -> Claims:
        """The claims of a token that this stack signed and that is in its time.

        Raises:
            InvalidTokenError: anything else, `alg: none` and confused algorithms included.
        """
        try:
            key, allowed = self._verifier(jwt.get_unverified_header(token))
            return jwt.decode(token, key, algorithms=[allowed], options={"verify_aud": False})
        except jwt.PyJWTError as error:
            raise InvalidTokenError(str(error)) from error
        except (ValueError, RecursionError) as error:  # no text, or JSON nested without end
            raise InvalidTokenError("Invalid token") from error

    def resolve(self, key_or_token: str) -> str:
        """The JWT that an opaque `sb_…` key stands for; any other text is returned as it is."""
        return self._by_api_key.get(key_or_token, key_or_token)

    def of_request(self, request: web.BaseRequest) -> str | None:
        """The JWT a request speaks with: its bearer token, else its `apikey` (header or query)."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.strip():
            return self.resolve(bearer.strip())
        key = request.headers.get("apikey") or request.query.get("apikey")
        return self.resolve(key) if key else None

    @cached_property
    def public_key(self) -> dict[str, Any]:
        """The public half of the current key as a JWK (RFC 7517)."""
        return self._signing.public_jwk

    @cached_property
    def public_keys(self) -> list[dict[str, Any]]:
        """The public halves of all keys, the current one first."""
        return [key.public_jwk for key in self._by_id.values()]

    def rest_jwks(self) -> str:
        """What PostgREST verifies with: the public keys and the legacy secret, as a JWK set."""
        secret = jwt.utils.base64url_encode(self._keys.jwt_secret.encode()).decode()
        legacy = {"kty": "oct", "k": secret, "alg": LEGACY_ALGORITHM}
        return json.dumps({"keys": [*self.public_keys, legacy]})

    def _verifier(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key and the only algorithm that may have made a token with this header."""
        if header.get("alg") == LEGACY_ALGORITHM:
            return self._keys.jwt_secret, LEGACY_ALGORITHM
        key = self._by_id.get(header.get("kid", ""), self._signing)
        return key.private.public_key(), key.algorithm

    @cached_property
    def _by_id(self) -> dict[str, SigningKey]:
        texts = (self._keys.signing_key, *self._keys.previous_signing_keys)
        keys = map(SigningKey.parse, texts)
        return {key.public_jwk["kid"]: key for key in keys}

    @cached_property
    def _signing(self) -> SigningKey:
        return next(iter(self._by_id.values()))


def now() -> int:
    """Unix time, in whole seconds, as JWTs count it."""
    return int(time.time())
