"""Which addresses of the internet a webhook may go to.

The networks are listed here, by the registries of IANA, as the standard library's idea of what is
global differs from version to version.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_NOT_PUBLIC = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by its number, but the host of each virtual machine at Azure
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_UNICAST = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, which ends wherever its relay says, and other special purposes
        "2001:db8::/32",
        "2002::/16",  # 6to4, which ends at whoever is the relay
        "3fff::/20",
    )
)
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64, RFC 6052: the last 32 bits are the IPv4 address that is reached."""


def is_public(address: Address) -> bool:
    """Whether it is one of the public internet, whatever it is wrapped in."""
    address = unwrap(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _UNICAST and not any(address in network for network in _NOT_PUBLIC_UNICAST)


def is_loopback(address: Address) -> bool:
    """Whether it is this machine."""
    return unwrap(address).is_loopback


def unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for; any other as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
