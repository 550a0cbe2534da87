"""Signatures of webhooks by Standard Webhooks 1.0: ours, and those that come from the database."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

from pydantic import SecretStr

TOLERANCE_SECONDS = 300

_VERSION = "v1,"
_MAX_DIGITS = 12


class WebhookRefused(Exception):  # noqa: N818 - says what happened
    """The message is not proven to be from the database, now; the text may be shown."""


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message sent at `timestamp`, in seconds since 1970."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return _VERSION + base64.b64encode(digest).decode()


class Webhook:
    """Checks messages against a secret, whose UTF-8 text is the key."""

    def __init__(self, secret: SecretStr, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells seconds since 1970."""
        self._key = secret.get_secret_value().encode()
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if one of the signatures is ours and the time is within 300 s of the clock's.

        Raises:
            WebhookRefused: a header is missing, wrong or stale, or no signature fits the body.
        """
        message_id, timestamp, signatures = (
            _header(headers, name)
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        )
        sent_at = self._check_time(timestamp)
        expected = sign(self._key, message_id, sent_at, body)
        if not any(_equal(expected, signature) for signature in signatures.split(" ")):
            raise WebhookRefused("No signature fits this message.")

    def _check_time(self, timestamp: str) -> int:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS):
            raise WebhookRefused("The timestamp is not a whole number of seconds.")
        if abs(self._clock() - int(timestamp)) > TOLERANCE_SECONDS:
            raise WebhookRefused("The timestamp is too far from now.")
        return int(timestamp)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise WebhookRefused(f"The header {name} is missing.")
    return value


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
