"""Webhooks as the database signs them, and as Stripe does."""

import base64
import hashlib
import hmac

NOW = 1_800_000_000
BODY = b'{"queue": "orders"}'


def sign(secret: str, body: bytes = BODY, sent: object = NOW, name: str = "wake_1") -> str:
    """The signature header of a message."""
    content = f"{name}.{sent}.".encode() + body
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secret: str, sent: object = NOW, signature: str | None = None) -> dict[str, str]:
    """All headers of a message."""
    return {
        "webhook-id": "wake_1",
        "webhook-timestamp": str(sent),
        "webhook-signature": signature or sign(secret, sent=sent),
    }


def stripe_signature(secret: str, body: bytes, sent: object = NOW) -> str:
    """One signature of Stripe's."""
    content = f"{sent}.".encode() + body
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def stripe_headers(secret: str, body: bytes, sent: object = NOW) -> dict[str, str]:
    """The header of an event of Stripe's."""
    return {"stripe-signature": f"t={sent},v1={stripe_signature(secret, body, sent)}"}
