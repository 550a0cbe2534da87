"""What is done to each page: a hook of MkDocs.

The tree of errors and the table of codes are put in as the package itself has them, where the page
says `<!-- errors: tree -->` and `<!-- errors: codes -->`.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from orderbase.errors import (
    AUTH_CODES,
    CLIENT_CODES,
    SHOP_CODES,
    WEBHOOK_CODES,
    OrderbaseError,
)

_UNEXPLAINED = re.compile(r"\s*–\s*<div class=\"doc-md-description\">\s*</div>")  # noqa: RUF001


_GROUPS: dict[str, Mapping[str, type[OrderbaseError]]] = {
    "What the shop refuses": SHOP_CODES,
    "Signing in, and tokens": AUTH_CODES,
    "What the client says itself": CLIENT_CODES,
    "Webhooks": WEBHOOK_CODES,
}


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page's text before it becomes HTML."""
    for name, lines in _PARTS.items():
        markdown = markdown.replace(f"<!-- errors: {name} -->", "\n".join(lines()))
    return markdown


def on_page_content(html: str, **_: object) -> str:
    """The page's HTML: without dashes that explain nothing."""
    return _UNEXPLAINED.sub("", html)


def tree() -> Iterator[str]:
    """A nested list of all errors, with what each means."""
    return _branch(OrderbaseError, 0)


def codes() -> Iterator[str]:
    """Tables of all codes that the client knows, and the error that each is."""
    for title, group in _GROUPS.items():
        yield from (f"### {title}", "", "| code | error |", "|---|---|")
        yield from (f"| `{code}` | {_link(group[code])} |" for code in sorted(group))
        yield ""


def _branch(error: type[OrderbaseError], depth: int) -> Iterator[str]:
    meaning = (error.__doc__ or "").partition("\n")[0]
    yield f"{'    ' * depth}- {_link(error)}: {meaning}"
    for kind in error.__subclasses__():
        yield from _branch(kind, depth + 1)


def _link(error: type[OrderbaseError]) -> str:
    return f"[`{error.__name__}`][orderbase.{error.__name__}]"


_PARTS: dict[str, Callable[[], Iterator[str]]] = {"tree": tree, "codes": codes}
