"""Lists in pages: which one a request asks for, and the links to the others."""

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from local_stack.auth.errors import invalid

_SIZE = 50
_LARGEST = 1000
_LAST_PAGE = 1_000_000


@dataclass(frozen=True)
class Page:
    """One page; the first is number 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size

    def headers(self, request: web.Request, total: int) -> dict[str, str]:
        """How many rows there are, and links (RFC 8288) to the next and the last page."""
        pages = -(-total // self.size)
        targets = ([("next", self.number + 1)] if self.number < pages else []) + [("last", pages)]
        path = request.rel_url.path
        # Clients expect `page` to be the first parameter.
        links = (
            f'<{path}?{urlencode({"page": number, "per_page": self.size})}>; rel="{rel}"'
            for rel, number in targets
        )
        return {"x-total-count": str(total), "Link": ", ".join(links)}


def asked(request: web.Request) -> Page:
    """The page that the query names.

    Raises:
        AuthError: 400, it names none.
    """
    number = max(1, _number(request, "page", 1, _LAST_PAGE))
    size = min(_LARGEST, _number(request, "per_page", _SIZE, 2**63))
    if size == 0:
        raise invalid("Bad Pagination Parameters: per_page must be positive")
    return Page(number, size)


def _number(request: web.Request, name: str, default: int, limit: int) -> int:
    text = request.query.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > limit:
        raise invalid(f"Bad Pagination Parameters: {name} is not a number in range")
    return int(text)
