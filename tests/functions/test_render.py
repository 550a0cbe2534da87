"""What mails say: every template, money, and names that mean harm."""

import re
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from functions.emails.money import format_money
from functions.emails.render import SUBJECTS, Renderer
from tests.functions.jobs import mail_job

RENDERER = Renderer("Café Nord", "https://shop.example.com/")
HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}} {% raw %} {{ config }}",
    '" onmouseover="alert(1)',
    "Ana\r\nBcc: eve@example.com\r\n\r\nHello",
    "=1+1",
    "\u202egpj.exe",
    "<img src=http://example.com/x.png>",
]


class Outline(HTMLParser):
    """Tags and attributes that the mail has; text that it shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("template", SUBJECTS)
def test_every_mail_tells_which_order_what_and_how_much(template: str) -> None:
    mail = RENDERER.render(mail_job(template))
    shown = Outline(mail.html).text
    assert "1042" in mail.subject
    for text in (mail.text, shown):
        assert "Hello Ana Example," in text
        assert "Order 1042, placed on 1 November 2026" in text
        assert "Tea & towels" in text
        assert "EUR\u00a069.80" in text
        assert "EUR\u00a01,299.00" in text
        assert "Café Nord" in text
    for text in (mail.text, mail.html):
        assert "https://shop.example.com/orders/6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11" in text


def test_each_mail_says_its_own_thing() -> None:
    mails = {template: RENDERER.render(mail_job(template)) for template in SUBJECTS}
    for text in (mails["order_confirmation"].text, mails["order_confirmation"].html):
        assert all(part in text for part in ("Back door", "10115 Berlin", "DE"))
    for text in (mails["order_shipped"].text, mails["order_shipped"].html):
        assert "TEST000000000001" in text
    for text in (mails["payment_problem"].text, mails["payment_problem"].html):
        assert "Your card was declined." in text
    assert len({mail.subject for mail in mails.values()}) == len(SUBJECTS)


@pytest.mark.parametrize("template", SUBJECTS)
def test_html_loads_nothing_from_afar_and_runs_nothing(template: str) -> None:
    outline = Outline(RENDERER.render(mail_job(template)).html)
    assert not {"script", "img", "link", "iframe", "style"} & set(outline.tags)
    assert not {"src", "background"} & {name for name, _ in outline.attributes}
    assert "url(" not in str(outline.attributes)
    links = {value for name, value in outline.attributes if name == "href"}
    assert all(str(link).startswith("https://shop.example.com") for link in links)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("template", SUBJECTS)
def test_hostile_names_are_shown_and_nothing_else(template: str, name: str) -> None:
    plain = mail_job(template)
    item = plain["items"][0] | {"name": name}
    address = plain["shipping_address"] | {"name": name, "city": name}
    data = dict.fromkeys(plain["data"], name)
    hostile = plain | {"items": [item], "shipping_address": address, "data": data}
    mail, harmless = RENDERER.render(hostile), RENDERER.render(plain | {"items": [item]})
    outline = Outline(mail.html)
    assert name in mail.text
    assert name.replace("\r\n", "\n") in outline.text.replace("\r\n", "\n")
    assert outline.tags == Outline(harmless.html).tags
    assert name not in mail.subject
    assert "49" not in re.sub(r"1,299|69\.80|0b|TEST\w+", "", outline.text)


def test_a_missing_value_fails_rather_than_leaves_a_gap() -> None:
    with pytest.raises(UndefinedError):
        RENDERER.render(mail_job("order_shipped", data={}))
    with pytest.raises(KeyError):
        RENDERER.render(mail_job("../../etc/passwd"))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "EUR", "EUR 0.00"),
        (5, "EUR", "EUR 0.05"),
        (1999, "USD", "USD 19.99"),
        (123_456_789, "GBP", "GBP 1,234,567.89"),
        (1234, "JPY", "JPY 1,234"),
        (0, "KRW", "KRW 0"),
        (1234, "KWD", "KWD 1.234"),
        (5, "BHD", "BHD 0.005"),
        (12_345, "CLF", "CLF 1.2345"),
        (9_007_199_254_740_993, "EUR", "EUR 90,071,992,547,409.93"),
        (-1999, "EUR", "EUR -19.99"),
    ],
)
def test_money_is_exact_in_every_currency(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency).replace("\u00a0", " ") == text
