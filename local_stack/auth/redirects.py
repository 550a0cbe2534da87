"""Where a link in a mail may send its reader: the site, or an address that the config allows."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from local_stack.config import Auth

_WILDCARDS = {"**": ".*", "*": "[^./]*", "?": "[^./]"}
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
# Browsers read these otherwise than the parser does, so that the host they go to is another one.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")


def allowed(config: Auth, url: str) -> str:
    """The address itself if it is allowed, else the site's."""
    return url if _is_allowed(config, url) else config.site_url


def wanted(config: Auth, request: web.Request) -> str:
    """Where the request asks to be sent, else the page that it comes from, if that is allowed."""
    asked = request.headers.get("redirect_to") or request.query.get("redirect_to", "")
    page = request.headers.get("Referer", "")
    return next((url for url in (asked, page) if _is_allowed(config, url)), config.site_url)


def _is_allowed(config: Auth, url: str) -> bool:
    target = _split(url)
    site = _split(config.site_url)
    if target is None:
        return False
    if site is not None and _same_site(site, target):
        return True
    if not _is_plain_host(target):
        return False
    address = url.partition("#")[0]
    return any(_glob(p).fullmatch(address) for p in config.additional_redirect_urls)


def _split(url: str) -> SplitResult | None:
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and "@" not in parts.netloc else None


def _same_site(site: SplitResult, target: SplitResult) -> bool:
    if (site.scheme, site.hostname) != (target.scheme, target.hostname):
        return False
    # RFC 8252, section 7.3: on the loopback interface the port varies.
    return site.port == target.port or _is_loopback(target.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_plain_host(target: SplitResult) -> bool:
    """No address in figures other than this machine's; apps' own schemes may have any host."""
    host = target.hostname or ""
    if re.fullmatch(r"[0-9.]+|.*:.*", host):
        return _is_loopback(host)
    return target.scheme not in {"http", "https"} or _HOSTNAME.fullmatch(host) is not None


def _glob(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    return re.compile("".join(_WILDCARDS.get(part, re.escape(part)) for part in parts), re.DOTALL)
