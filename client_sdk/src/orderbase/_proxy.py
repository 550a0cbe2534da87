"""The proxy that the environment asks for.

aiohttp would find it too, but it looks anew for every request, in another thread: that takes five
times as long as the request. And its errors would tell the proxy's password.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

from yarl import URL


@dataclass(frozen=True, slots=True)
class Way:
    """How requests get to a host. `headers` go into each, `proxy_headers` to the proxy alone."""

    proxy: URL | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    proxy_headers: Mapping[str, str] = field(default_factory=dict[str, str])


@lru_cache
def way_to(scheme: str, host: str) -> Way:
    """Looked up once."""
    address = None if proxy_bypass(host) else getproxies().get(scheme)
    if not address:
        return Way()
    url = URL(address if "://" in address else f"http://{address}")
    login = _login(url)
    bare = url.with_user(None)
    # With https the proxy only hears CONNECT; what follows is for the host.
    return Way(bare, proxy_headers=login) if scheme == "https" else Way(bare, headers=login)


def _login(url: URL) -> Mapping[str, str]:
    if url.user is None:
        return {}
    pair = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    return {"proxy-authorization": f"Basic {pair}"}
