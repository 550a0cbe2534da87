"""The official client beside ours: each of its requests asks our session for the token."""

import httpx
from supabase import AsyncClient, AsyncClientOptions, Client, ClientOptions

from orderbase._auth import AsyncAuth
from orderbase._portal import Portal
from orderbase._send import Sender


def async_client(sender: Sender, auth: AsyncAuth) -> AsyncClient:
    """One that calls as whoever is signed in."""

    async def sign(request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {await auth.token() or sender.key}"

    http = httpx.AsyncClient(event_hooks={"request": [sign]})
    options = AsyncClientOptions(auto_refresh_token=False, httpx_client=http)
    return AsyncClient(sender.url, sender.key, options)


def blocking_client(sender: Sender, portal: Portal, auth: AsyncAuth) -> Client:
    """The same, for code that blocks."""

    def sign(request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {portal.run(auth.token()) or sender.key}"

    http = httpx.Client(event_hooks={"request": [sign]})
    options = ClientOptions(auto_refresh_token=False, httpx_client=http)
    return Client(sender.url, sender.key, options)
