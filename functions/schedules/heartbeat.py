"""A sign of life for somebody outside, who raises the alarm when none comes."""

import logging
from asyncio import to_thread
from importlib import import_module

_SECONDS = 5
_LOG = logging.getLogger(__name__)


async def beat(url: str) -> None:
    """Ask the address, once. That nobody answers is logged, without the address: it is a secret."""
    aiohttp = await to_thread(import_module, "aiohttp")  # see functions/kit/http.py
    timeout = aiohttp.ClientTimeout(_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status >= 300:
                _LOG.warning("heartbeat was answered with status %s", response.status)
    except (aiohttp.ClientError, TimeoutError) as error:
        _LOG.warning("heartbeat was not heard: %s", type(error).__name__)
