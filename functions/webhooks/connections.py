"""Connections to public addresses only: what was judged is what is connected to."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from aiohttp import AddrInfoType, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from functions.webhooks.addresses import is_loopback, is_public

Rule = Callable[[str], bool]
"""Whether an address, in digits, may be connected to."""

_KEEP_ALIVE_SECONDS = 2.0
"""Shorter than servers keep a connection: one that closes just then would cost an attempt."""
_MOST_CONNECTIONS = 100


class AddressRefused(OSError):  # noqa: N818 - says what happened
    """Nothing was sent: the endpoint's address is not one of the public internet."""


def rule(*, allow_loopback: bool) -> Rule:
    """Public addresses, and this machine's own where that is allowed."""

    def admits(written: str) -> bool:
        address = ip_address(written)
        return is_public(address) or (allow_loopback and is_loopback(address))

    return admits


class PublicResolver(AbstractResolver):
    """Resolves a name, once for a connection, and refuses it if any of its addresses is not public.

    A name that has one such address beside others is somebody's attempt, not a server's.
    """

    def __init__(self, admits: Rule, resolver: AbstractResolver) -> None:
        self._admits = admits
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses.

        Raises:
            AddressRefused: see there.
            OSError: the name is not known.
        """
        found = await self._resolver.resolve(host, port, family)
        if not all(self._admits(one["host"]) for one in found):
            raise AddressRefused("not a public address")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def socket_factory(admits: Rule) -> Callable[[AddrInfoType], socket.socket]:
    """The last look before a packet leaves: addresses that stand in a URL are not resolved."""

    def create(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = info
        if not admits(_host(place)):
            raise AddressRefused("not a public address")
        return socket.socket(family, kind, protocol)

    return create


def connector(admits: Rule, resolver: AbstractResolver | None = None) -> TCPConnector:
    """Connections that obey the rule; `resolver` is asked for names."""
    return TCPConnector(
        resolver=PublicResolver(admits, resolver or DefaultResolver()),
        socket_factory=socket_factory(admits),
        use_dns_cache=False,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        limit=_MOST_CONNECTIONS,
    )


def _host(place: Sequence[object]) -> str:
    return str(place[0])
