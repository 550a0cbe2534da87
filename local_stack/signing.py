"""The key pairs that user tokens are signed with: P-256 (ES256) or RSA (RS256)."""

import json
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local_stack.errors import StackError

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
_SHOWN = {"ES256": ("kty", "crv", "x", "y"), "RS256": ("kty", "n", "e")}


@dataclass(frozen=True, repr=False)
class SigningKey:
    """One key pair."""

    private: PrivateKey
    algorithm: str
    """`ES256` or `RS256`."""
    public_jwk: dict[str, Any]
    """The public half (RFC 7517); its `kid` names the pair in tokens."""

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """A private key as PEM, or as the JWK that the official CLI's `gen signing-key` writes.

        Raises:
            StackError: it is no such key.
        """
        try:
            if text.lstrip().startswith("{"):
                jwk = json.loads(text)
                return cls._of(jwt.PyJWK(jwk).key, jwk.get("kid"))
            return cls._of(load_pem_private_key(text.encode(), None), None)
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise StackError("A signing key in keys.json cannot be read.") from error

    @classmethod
    def _of(cls, private: object, kid: str | None) -> "SigningKey":
        if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
            algorithm = "ES256"
            jwk = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        elif isinstance(private, RSAPrivateKey):
            algorithm = "RS256"
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        else:
            raise TypeError("neither a P-256 nor an RSA private key")
        shown = {name: jwk[name] for name in _SHOWN[algorithm]}
        public = shown | {
            "alg": algorithm,
            "use": "sig",
            "key_ops": ["verify"],
            "kid": kid or (jwk.get("x") or jwk["n"])[:16],
            "ext": True,
        }
        return cls(private, algorithm, public)
