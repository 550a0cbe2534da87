"""Mails as text and HTML, made from jobs of the queue."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import ValidationError

from functions.emails.content import Content
from functions.emails.draft import Draft
from functions.emails.language import Language, language_of
from functions.emails.line import one_line
from functions.emails.templates import TEMPLATES
from functions.kit.queue import Job

_LAYOUT = Path(__file__).parent / "layout"


class Unrenderable(Exception):  # noqa: N818 - says what happened
    """The job misses something, or there is no such template; the text may be shown to staff."""


@dataclass(frozen=True)
class Mail:
    """What one mail says."""

    subject: str
    text: str
    html: str
    unsubscribe: str | None = None
    """Where to end such mails; none for the business at hand."""


class Renderer:
    """Keeps the compiled layout. What misses a value fails rather than leave a gap."""

    def __init__(self, shop_name: str, web_url: str) -> None:
        environment = Environment(
            loader=FileSystemLoader(_LAYOUT),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._text = environment.get_template("mail.txt")
        self._html = environment.get_template("mail.html")
        self._shop_name = one_line(shop_name)
        self._web_url = web_url.rstrip("/")

    def render(self, job: Job) -> Mail:
        """The mail of a job's `template`, in its `language`.

        Raises:
            Unrenderable: see there.
        """
        try:
            language = language_of(job["language"])
            content = self._write(job, language)
        except KeyError as error:
            raise Unrenderable(f"{error} is missing") from error
        except ValidationError as error:
            raise Unrenderable(_complaints(error)) from error
        parts = {
            "mail": content,
            "language": language,
            "layout": language.texts["layout"],
            "shop_name": self._shop_name,
        }
        url = content.unsubscribe[1] if content.unsubscribe else None
        return Mail(content.subject, self._text.render(parts), self._html.render(parts), url)

    def _write(self, job: Job, language: Language) -> Content:
        write = TEMPLATES.get(job["template"])
        if not write:
            raise Unrenderable("there is no such template")
        return write(Draft(job, language, self._shop_name, self._web_url))


def _complaints(error: ValidationError) -> str:
    """Which fields, and what is wrong with them, but not what they hold."""
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return ", ".join(f"{'.'.join(map(str, one['loc']))} {one['type']}" for one in errors)
