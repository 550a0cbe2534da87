"""The mails' texts: HTML with Go's placeholders, from `[auth.email.template.*]` or as shipped."""

import json
import re
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from pathlib import Path

from local_stack.config import AuthMail
from local_stack.errors import StackError

_PLACEHOLDER = re.compile(r"\{\{-?\s*\.(\w+(?:\.\w+)*)\s*-?\}\}")
_NAMES = {
    "ConfirmationURL",
    "Token",
    "TokenHash",
    "SiteURL",
    "Email",
    "NewEmail",
    "RedirectTo",
    "Data",
}
_OR_CODE = "\n<p>Or enter the code: {{ .Token }}</p>\n"
_SHIPPED = {
    "confirmation": (
        "Confirm Your Signup",
        '<h2>Confirm your signup</h2>\n<p><a href="{{ .ConfirmationURL }}">Confirm your mail'
        "</a></p>" + _OR_CODE,
    ),
    "recovery": (
        "Reset Your Password",
        '<h2>Reset your password</h2>\n<p><a href="{{ .ConfirmationURL }}">Reset password'
        "</a></p>" + _OR_CODE,
    ),
    "magic_link": (
        "Your Magic Link",
        '<h2>Your magic link</h2>\n<p><a href="{{ .ConfirmationURL }}">Log in</a></p>' + _OR_CODE,
    ),
    "invite": (
        "You have been invited",
        "<h2>You have been invited</h2>\n<p>You may create a user on {{ .SiteURL }}: "
        '<a href="{{ .ConfirmationURL }}">accept the invite</a></p>' + _OR_CODE,
    ),
    "email_change": (
        "Confirm Email Change",
        "<h2>Confirm change of email</h2>\n<p>From {{ .Email }} to {{ .NewEmail }}: "
        '<a href="{{ .ConfirmationURL }}">change email</a></p>' + _OR_CODE,
    ),
    "reauthentication": (
        "Confirm reauthentication",
        "<h2>Confirm reauthentication</h2>\n<p>Enter the code: {{ .Token }}</p>\n",
    ),
}


class Templates:
    """One subject and one body for each kind of mail."""

    def __init__(self, config: Mapping[str, AuthMail], repository: Path) -> None:
        """Read the files that the configuration names.

        Raises:
            StackError: a kind, a file or a placeholder does not exist.
        """
        if unknown := set(config) - set(_SHIPPED):
            raise StackError(
                f"auth.email.template.{min(unknown)} is no kind of mail; "
                f"there are {', '.join(_SHIPPED)}."
            )
        self._texts = {
            kind: _read(kind, config.get(kind, AuthMail()), repository) for kind in _SHIPPED
        }

    def render(self, kind: str, values: Mapping[str, object]) -> tuple[str, str]:
        """Subject and HTML of one mail; `values` by the placeholders' names."""
        subject, body = self._texts[kind]
        one_line = " ".join(_filled(subject, values).split())
        return one_line, _filled(body, {name: _as_html(v) for name, v in values.items()})


def plain_text(html: str) -> str:
    """The same mail for readers without HTML: links are written out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Reader(HTMLParser):
    _HIDDEN = frozenset({"style", "script", "title"})
    _BLOCKS = frozenset({"p", "div", "br", "tr", "h1", "h2", "h3", "li", "table"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._link = ""
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = self._hidden or tag in self._HIDDEN
        if tag == "a":
            self._link = dict(attrs).get("href") or ""
        elif tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = self._hidden and tag not in self._HIDDEN
        if tag == "a" and self._link:
            self.parts.append(f": {self._link}\n")
            self._link = ""
        elif tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.replace("\n", " "))


def _read(kind: str, mail: AuthMail, repository: Path) -> tuple[str, str]:
    subject, body = _SHIPPED[kind]
    if mail.content_path:
        path = repository / mail.content_path
        try:
            body = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StackError(f"auth.email.template.{kind}: {path} cannot be read.") from error
    texts = (mail.subject or subject, body)
    for text in texts:
        _check(kind, text)
    return texts


def _check(kind: str, text: str) -> None:
    names = {match[1].partition(".")[0] for match in _PLACEHOLDER.finditer(text)}
    if names <= _NAMES and "{{" not in _PLACEHOLDER.sub("", text):
        return
    raise StackError(
        f"auth.email.template.{kind} holds more than the placeholders "
        f"{', '.join(f'{{{{ .{name} }}}}' for name in sorted(_NAMES))}."
    )


def _filled(text: str, values: Mapping[str, object]) -> str:
    return _PLACEHOLDER.sub(lambda match: _text(_find(values, match[1])), text)


def _find(values: object, path: str) -> object:
    for name in path.split("."):
        values = values.get(name, "") if isinstance(values, Mapping) else ""
    return values


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_html(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _as_html(item) for name, item in value.items()}
    return escape(_text(value))
