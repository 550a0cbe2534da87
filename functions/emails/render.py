"""Mails as text and HTML, made from jobs of the queue."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from functions.emails.money import format_money
from functions.kit.queue import Job

SUBJECTS = {
    "order_confirmation": "Your order {number} is confirmed",
    "order_shipped": "Your order {number} is on its way",
    "payment_problem": "The payment for your order {number} failed",
    "order_cancelled": "Your order {number} is cancelled",
}
"""Every template there is."""

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Mail:
    """What one mail says."""

    subject: str
    text: str
    html: str


class Renderer:
    """Compiles the templates once. A template that misses a value fails rather than leave a gap."""

    def __init__(self, shop_name: str, web_url: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._shop = {"shop_name": shop_name, "web_url": web_url.rstrip("/")}

    def render(self, job: Job) -> Mail:
        """The mail of a job's `template`.

        Raises:
            KeyError: the job misses something, or there is no such template.
        """
        template = job["template"]
        context = self._shop | _context(job) | {"subject": _subject(job)}
        text, html = (
            self._environment.get_template(f"{template}.{kind}").render(context)
            for kind in ("txt", "html")
        )
        return Mail(_subject(job), text, html)


def _subject(job: Job) -> str:
    return SUBJECTS[job["template"]].format(number=int(job["number"]))


def _context(job: Job) -> dict[str, object]:
    currency = job["currency"]
    return {
        "number": job["number"],
        "order_id": job["order_id"],
        "placed_on": _date(job["placed_at"]),
        "address": _Address(**job["shipping_address"]),
        "items": [_item(item, currency) for item in job["items"]],
        "total": format_money(job["total"], currency),
        "data": job["data"],
    }


@dataclass(frozen=True)
class _Address:
    name: str
    line1: str
    city: str
    postal_code: str
    country: str
    line2: str = ""
    region: str = ""

    @property
    def lines(self) -> list[str]:
        parts = [self.name, self.line1, self.line2, f"{self.postal_code} {self.city}"]
        return [part for part in (*parts, self.region, self.country) if part]


def _item(item: Job, currency: str) -> dict[str, object]:
    price = format_money(item["unit_price"] * item["quantity"], currency)
    return {"name": item["name"], "quantity": item["quantity"], "price": price}


def _date(timestamp: str) -> str:
    day = datetime.fromisoformat(timestamp).astimezone(UTC)
    return f"{day.day} {day:%B %Y}"
