"""The JWTs of one stack: signing user tokens, checking any token, and reading API keys."""

import json
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local_stack.keys import Keys

Claims = dict[str, Any]
SIGNING_ALGORITHM = "ES256"
LEGACY_ALGORITHM = "HS256"


class InvalidTokenError(Exception):
    """The token is malformed, forged, or out of its time; the message may be shown."""


class Tokens:
    """Signs with the stack's P-256 key; accepts that key and the legacy secret."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._by_api_key = {
            keys.publishable_key: keys.anon_key,
            keys.secret_key: keys.service_role_key,
        }

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, signed by ES256 and carrying the key's id."""
        return jwt.encode(
            dict(claims),
            self._private_key,
            algorithm=SIGNING_ALGORITHM,
            headers={"kid": self.public_key["kid"]},
        )

    def verify(self, token: str) -> Claims:
        """The claims of a token that this stack signed and that is in its time.

        Raises:
            InvalidTokenError: anything else, `alg: none` and confused algorithms included.
        """
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            key = self._keys.jwt_secret if algorithm == LEGACY_ALGORITHM else self._public
            allowed = LEGACY_ALGORITHM if algorithm == LEGACY_ALGORITHM else SIGNING_ALGORITHM
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
        """The public half as a JWK (RFC 7517)."""
        jwk: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._public))
        return {
            "kty": jwk["kty"],
            "crv": jwk["crv"],
            "x": jwk["x"],
            "y": jwk["y"],
            "alg": SIGNING_ALGORITHM,
            "use": "sig",
            "key_ops": ["verify"],
            "kid": f"{jwk['x'][:16]}",
            "ext": True,
        }

    def rest_jwks(self) -> str:
        """What PostgREST verifies with: the public key and the legacy secret, as a JWK set."""
        secret = jwt.utils.base64url_encode(self._keys.jwt_secret.encode()).decode()
        legacy = {"kty": "oct", "k": secret, "alg": LEGACY_ALGORITHM}
        return json.dumps({"keys": [self.public_key, legacy]})

    @cached_property
    def _private_key(self) -> EllipticCurvePrivateKey:
        key = load_pem_private_key(self._keys.signing_key.encode(), None)
        assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - we made this key
        return key

    @cached_property
    def _public(self) -> Any:  # noqa: ANN401 - pyjwt takes many kinds of keys
        return self._private_key.public_key()


def now() -> int:
    """Unix time, in whole seconds, as JWTs count it."""
    return int(time.time())
