"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds."""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

_PERIOD = 30
_DIGITS = 6


def new_secret() -> str:
    """160 random bits in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, moment: float) -> str:
    """The password of the 30 seconds that hold this Unix time."""
    counter = int(moment // _PERIOD).to_bytes(8)
    digest = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def matches(secret: str, given: str, moment: float) -> bool:
    """Whether the password is right now, or was or will be for a clock 30 seconds off."""
    moments = (moment - _PERIOD, moment, moment + _PERIOD)
    return any(hmac.compare_digest(code(secret, m).encode(), given.encode()) for m in moments)


def uri(secret: str, issuer: str, account: str) -> str:
    """What an authenticator app reads out of a QR code."""
    parameters = {
        "algorithm": "SHA1",
        "digits": _DIGITS,
        "issuer": issuer,
        "period": _PERIOD,
        "secret": secret,
    }
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"
