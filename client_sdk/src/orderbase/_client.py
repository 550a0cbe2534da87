"""The way in."""

import platform
from types import TracebackType
from typing import Self

import httpx
from httpx_aiohttp import HttpxAiohttpClient
from supabase import AsyncClient, AsyncClientOptions

from orderbase._async_orders import AsyncOrders
from orderbase._auth import AsyncAuth
from orderbase._products import AsyncProducts
from orderbase._send import AsyncSender

VERSION = "0.1.0"


class AsyncOrderbase:
    """A shop.

        async with AsyncOrderbase(url, key) as shop:
            await shop.auth.sign_in_as_guest()
            products = await shop.products.list(search="coffee")

    One instance serves one user: it holds that user's session. Use it within one event loop.

    Args:
        url: address of the Supabase project.
        key: its publishable key; or a secret key, on a server you trust.
        timeout: seconds to wait for a connection, and for each part of an answer; does not
            change `http`.
        retries: how often a call is sent again after a lost connection or a passing failure;
            all calls are safe to repeat.
        http: an HTTP client of your own, which stays open; by default one over aiohttp.

    Raises:
        ValueError: `url` or `key` is empty, or `url` is not an http(s) address.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        retries: int = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        if not key or not url.startswith(("http://", "https://")):
            raise ValueError("a shop needs the http(s) address of its project, and a key")
        url = url.rstrip("/")
        self._owns_http = http is None
        self._http = http or HttpxAiohttpClient(timeout=timeout)
        self.supabase = AsyncClient(url, key, _options(self._http))
        self.auth = AsyncAuth(self.supabase)
        sender = AsyncSender(self._http, self.auth, url=url, key=key, retries=retries)
        self.products = AsyncProducts(sender)
        self.orders = AsyncOrders(sender, self.auth, url=url, key=key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. The session stays valid on the server: see `auth.sign_out`."""
        if self._owns_http:
            await self._http.aclose()


def _options(http: httpx.AsyncClient) -> AsyncClientOptions:
    agent = f"orderbase-python/{VERSION} python/{platform.python_version()}"
    return AsyncClientOptions(
        # Refreshed when used: a timer of the Auth client would outlive the shop.
        auto_refresh_token=False,
        flow_type="implicit",
        headers={"X-Client-Info": agent},
        httpx_client=http,
    )
