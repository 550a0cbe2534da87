"""What an endpoint answered, as far as anybody wants to know."""

import asyncio
import contextlib
from datetime import UTC
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientResponse, StreamReader

_MOST_BYTES = 4096
_EXCERPT = 1000
_BODY_SECONDS = 2.0
_MOST_DIGITS = 9


async def excerpt(response: ClientResponse) -> str:
    """The beginning of the body as printable text; the status counts, whatever comes after it."""
    body = (await _beginning(response.content)).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in body)[:_EXCERPT]


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that the header Retry-After asks for; None if it says nothing of use."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:_MOST_DIGITS])
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


async def _beginning(content: StreamReader) -> bytes:
    body = b""
    with contextlib.suppress(TimeoutError, ClientError, OSError):
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) < _MOST_BYTES and (
                chunk := await content.read(_MOST_BYTES - len(body))
            ):
                body += chunk
    return body
