"""The secrets of one installation: made at the first start, kept in a file only its owner reads."""

import hmac
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

_TEN_YEARS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, repr=False)
class Keys:
    """Every secret that the services share. Its repr shows none of them."""

    jwt_secret: str
    """Signs the legacy anon and service_role keys (HS256)."""
    signing_key: str
    """The private key of user tokens: PEM or JWK, P-256 (ES256) or RSA (RS256)."""
    publishable_key: str
    secret_key: str
    anon_key: str
    service_role_key: str
    database_password: str
    webhook_secret: str
    """Signs the wake-ups that the database sends to the functions."""
    stripe_api_key: str
    stripe_webhook_secret: str
    demo_password: str
    """The password of both demo accounts."""
    previous_signing_keys: tuple[str, ...] = ()
    """Other private keys whose tokens are accepted: rotated out, or to be rotated in."""

    @property
    def metrics_token(self) -> str:
        """Who sends it reads the functions' metrics; it follows from a secret that they have."""
        return hmac.digest(self.webhook_secret.encode(), b"metrics", "sha256").hex()

    @classmethod
    def load_or_create(cls, path: Path) -> "Keys":
        """The keys in `path`, made first if the file is not there."""
        if not path.exists():
            cls.generate().save(path)
        return cls(**json.loads(path.read_text("utf-8")))

    def save(self, path: Path) -> None:
        """Keep them in a file that only its owner reads."""
        _write_private(path, json.dumps(asdict(self), indent=2))

    @classmethod
    def generate(cls) -> "Keys":
        """New random keys; SUPABASE_AUTH_JWT_SECRET sets the legacy secret."""
        jwt_secret = os.environ.get("SUPABASE_AUTH_JWT_SECRET") or secrets.token_urlsafe(32)
        return cls(
            jwt_secret=jwt_secret,
            signing_key=_new_signing_key(),
            publishable_key=f"sb_publishable_{secrets.token_urlsafe(22)}",
            secret_key=f"sb_secret_{secrets.token_urlsafe(22)}",
            anon_key=legacy_key("anon", jwt_secret),
            service_role_key=legacy_key("service_role", jwt_secret),
            database_password=secrets.token_urlsafe(18),
            webhook_secret=f"whsec_{secrets.token_hex(24)}",
            stripe_api_key=f"sk_test_{secrets.token_hex(16)}",
            stripe_webhook_secret=f"whsec_{secrets.token_hex(24)}",
            demo_password=secrets.token_urlsafe(9),
        )


def legacy_key(role: str, jwt_secret: str) -> str:
    """An API key of the legacy kind: a JWT that names a role and no user."""
    now = int(time.time())
    claims = {"iss": "supabase", "role": role, "iat": now, "exp": now + _TEN_YEARS}
    return jwt.encode(claims, jwt_secret, algorithm="HS256")


def _new_signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
