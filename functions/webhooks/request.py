"""The request that delivers a webhook: whom it may go to, and how it is signed."""

import base64
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from yarl import URL

from functions.kit.queue import Job
from functions.kit.webhooks import sign

_PREFIX = "whsec_"


class UrlRefused(ValueError):  # noqa: N818 - says what happened
    """Nothing is sent to such a URL."""


def target(url: str, *, allow_loopback: bool) -> URL:
    """An https URL, or of this machine where that is allowed; its address is judged later.

    Raises:
        UrlRefused: it is something else.
    """
    try:
        parsed = URL(url)
        plain = parsed.scheme == "http" and allow_loopback and _is_this_machine(parsed.host)
        usable = parsed.scheme == "https" and parsed.host and parsed.user is None
        (parsed.raw_host or "").encode("idna")  # who looks names up raises for a label too long
    except ValueError as error:
        raise UrlRefused("not a URL") from error
    if not (plain or usable):
        raise UrlRefused("not a public https URL")
    return parsed


def headers(job: Job, body: bytes, now: float) -> Mapping[str, str]:
    """Of an attempt now, in seconds since 1970; signed with each live secret."""
    timestamp = int(now)
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Orderbase-Webhooks/1",
        "webhook-id": job["webhook_id"],
        "webhook-timestamp": str(timestamp),
        "webhook-signature": _signatures(job["secrets"], job["webhook_id"], timestamp, body),
    }


def _signatures(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    keys = [base64.b64decode(secret.removeprefix(_PREFIX)) for secret in secrets]
    return " ".join(sign(key, webhook_id, timestamp, body) for key in keys)


def _is_this_machine(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
