"""Addresses that mail can be sent to, in the ASCII form that every mail server takes."""

import re

import idna

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"(?=.{{1,64}}$){_ATOM}(?:\.{_ATOM})*")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_LENGTH = 254


class UnusableAddress(ValueError):  # noqa: N818 - says what happened
    """No mail can be addressed to this text."""


def parse_address(text: str) -> str:
    """A bare address; its domain in the form that DNS knows.

    Raises:
        UnusableAddress: it is no address, more than one, or not ASCII before the @.
    """
    local_part, _, domain = text.rpartition("@")
    if len(text) > _MAX_LENGTH or not _LOCAL_PART.fullmatch(local_part):
        raise UnusableAddress("mail cannot be sent to this address")
    address = f"{local_part}@{_ascii_domain(domain)}"
    if len(address) > _MAX_LENGTH:
        raise UnusableAddress("this address is too long")
    return address


def _ascii_domain(domain: str) -> str:
    if not domain.isascii():
        domain = _encode(domain)
    if not _DOMAIN.fullmatch(domain):
        raise UnusableAddress("this address has no usable domain")
    return domain


def _encode(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise UnusableAddress("this address has no usable domain") from error
