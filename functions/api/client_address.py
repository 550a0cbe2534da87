"""The network address that a request came from, which no header can invent."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from fastapi import Request

from functions.api.settings import Network

_HOUSEHOLD = 64
"""Who has one IPv6 address has, as a rule, all of its /64."""


class Proxies:
    """The proxies before us whose word about their callers is taken."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = trusted

    def sent(self, request: Request) -> bool:
        """Whether one of them is who speaks with us."""
        address = _peer(request)
        return address is not None and self._trusts(address)

    def client_of(self, request: Request) -> str:
        """The nearest address that is not a proxy of ours; an IPv6 one stands for its network.

        `X-Forwarded-For` is read from its end, where our own proxies write: what is before the
        first stranger may be made up.
        """
        address = _peer(request)
        hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while address and self._trusts(address) and hops:
            before = _parse(hops.pop().strip())
            if before is None:
                break
            address = before
        return _name(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _peer(request: Request) -> IPv4Address | IPv6Address | None:
    """Behind a load balancer, Lambda calls all of `X-Forwarded-For` so; the end is who it saw."""
    if request.client is None:
        return None
    return _parse(request.client.host.rpartition(",")[2].strip())


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _name(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _HOUSEHOLD), strict=False))
    return str(address)
