"""What mails say: every template in every language, and names that mean harm."""

from html.parser import HTMLParser
from typing import Any

import pytest

from functions.emails.language import CATALOGUES
from functions.emails.render import Mail, Renderer, Unrenderable
from functions.emails.templates import TEMPLATES
from tests.functions.jobs import DATA, ORDER_ID, ORDER_TEMPLATES, mail_job

RENDERER = Renderer("Café Nord", "https://shop.example.com/")
ORDER_URL = f"https://shop.example.com/orders/{ORDER_ID}"
HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}} {% raw %} {{ config }} {0} {number} {name.__class__}",
    '" onmouseover="alert(1)',
    "=1+1",
    "<img src=http://example.com/x.png>",
    "A" * 10_000,
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


def both(mail: Mail) -> tuple[str, str]:
    """The text, and the text that the HTML shows."""
    return mail.text, Outline(mail.html).text


@pytest.mark.parametrize("template", ORDER_TEMPLATES)
def test_every_mail_of_an_order_tells_which_what_and_how_much(template: str) -> None:
    mail = RENDERER.render(mail_job(template))
    assert "1042" in mail.subject
    for text in both(mail):
        assert "Hello Ana Example," in text
        assert "Order 1042, placed on November 1, 2026" in text
        assert "2 \u00d7 Tea & towels" in text
        assert "€69.80" in text
        assert "€1,299.00" in text
        assert "Café Nord" in text
    for text in (mail.text, mail.html):
        assert ORDER_URL in text


@pytest.mark.parametrize(
    ("template", "changed", "said"),
    [
        ("welcome", {}, ["Hello Ana Example,", "account is ready"]),
        ("order_confirmation", {}, ["Back door", "10115 Berlin", "Germany"]),
        ("payment_problem", {}, ["Your card was declined."]),
        ("payment_problem", {"failure_code": "expired_card"}, ["The card has expired."]),
        ("payment_action", {}, ["confirm the payment of €1,299.00"]),
        ("out_of_stock", {}, ["in stock", "We are refunding €1,299.00."]),
        ("out_of_stock", {"refunded": 0}, ["If you have already paid"]),
        ("shipping_problem", {}, ["The carrier does not know this place.", "€1,299.00."]),
        ("shipping_problem", {"refunded": None}, ["What you have paid is refunded."]),
        ("order_shipped", {}, ["test", "TEST000000000001"]),
        ("order_refunded", {}, ["refunded your order: €1,299.00."]),
        ("order_refunded", {"amount": 3490, "full": False}, ["€34.90 of €1,299.00."]),
        ("order_cancelled", {}, ["cancelled"]),
        ("alarm", {}, ["queue_stuck", "emails", "November 2, 2026", "12 messages"]),
        ("alarm", {"detail": {"count": 12}}, ['{"count": 12}']),
    ],
)
def test_each_mail_says_its_own_thing(
    template: str, changed: dict[str, Any], said: list[str]
) -> None:
    mail = RENDERER.render(mail_job(template, data=DATA[template] | changed))
    for text in both(mail):
        assert [part for part in said if part not in text] == []


def test_where_the_buttons_lead() -> None:
    mails = {template: RENDERER.render(mail_job(template)).html for template in TEMPLATES}
    assert f'href="{ORDER_URL}/pay"' in mails["payment_action"]
    assert f'href="{ORDER_URL}"' in mails["order_shipped"]
    assert 'href="https://shop.example.com/account"' in mails["welcome"]


@pytest.mark.parametrize("language", [*CATALOGUES, "de-AT", "fr"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_html_runs_nothing_loads_nothing_and_names_its_language(
    template: str, language: str
) -> None:
    mail = RENDERER.render(mail_job(template, language=language))
    outline = Outline(mail.html)
    assert not {"script", "img", "link", "iframe", "style"} & set(outline.tags)
    assert not {"src", "background"} & {name for name, _ in outline.attributes}
    assert "url(" not in str(outline.attributes)
    links = {value for name, value in outline.attributes if name == "href"}
    assert all(str(link).startswith("https://shop.example.com") for link in links)
    shown = {"fr": "en", "de-AT": "de"}.get(language, language)
    assert [value for name, value in outline.attributes if name == "lang"] == [shown] * 2
    assert not [text for text in (mail.subject, mail.text, outline.text) if "{" in text]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("template", TEMPLATES)
def test_hostile_names_are_shown_and_nothing_else(template: str, name: str) -> None:
    plain = mail_job(template)
    data: dict[str, Any] = {
        key: name if isinstance(value, str) and key not in ("raised_at", "day") else value
        for key, value in plain["data"].items()
    }
    for sales in data.get("sales", []):
        seller = sales["best_sellers"][0] | {"name": name}
        data |= {"sales": [sales | {"best_sellers": [seller]}]}
    hostile = plain | {"data": data}
    if template in ORDER_TEMPLATES:
        item = plain["items"][0] | {"name": name}
        address = plain["shipping_address"] | {"name": name, "city": name}
        hostile |= {"items": [item, *plain["items"][1:]], "shipping_address": address}
    mail, harmless = RENDERER.render(hostile), RENDERER.render(plain)
    assert Outline(mail.html).tags == Outline(harmless.html).tags
    assert "49" not in Outline(mail.html).text
    assert template == "welcome" or all(name in text for text in both(mail))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ana\r\nBcc: eve@example.com\r\n\r\nHello", "Ana  Bcc: eve@example.com    Hello"),
        ("a\0b\x1bc\x85d\u2028e", "a b c d e"),
        ("photo_\u202egpj.exe", "photo_gpj.exe"),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("👩‍👩‍👧 Łódź 東京", "👩‍👩‍👧 Łódź 東京"),
    ],
)
def test_what_is_no_text_is_left_out_of_a_name(name: str, shown: str) -> None:
    item = {"name": name, "unit_price": 1, "quantity": 1}
    renderer = Renderer(name, "https://shop.example.com/")
    assert renderer.render(mail_job("welcome")).subject == f"Welcome to {shown}"
    for text in both(renderer.render(mail_job("order_shipped", items=[item]))):
        assert f"1 \u00d7 {shown}" in text


@pytest.mark.parametrize(
    "name", ["", " ", "Win at http://evil.example", "evil.example", "eve@evil", "x" * 81]
)
def test_nobody_is_greeted_by_an_advertisement(name: str) -> None:
    for text in both(RENDERER.render(mail_job("welcome", data={"display_name": name}))):
        assert "Hello," in text
        assert "evil" not in text


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"data": {}}, "carrier missing, tracking_number missing"),
        ({"shipping_address": {}}, "shipping_address.name missing"),
        ({"total": 12.5}, "total int_type"),
        ({"currency": "€"}, "currency string_pattern_mismatch"),
        ({"order_id": "../account"}, "order_id string_pattern_mismatch"),
        ({"template": "../../etc/passwd"}, "no such template"),
    ],
)
def test_a_missing_value_fails_rather_than_leaves_a_gap(
    changed: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Unrenderable, match=complaint):
        RENDERER.render(mail_job("order_shipped") | changed)


@pytest.mark.parametrize("field", ["language", "template", "number", "items", "placed_at", "data"])
def test_every_field_is_needed(field: str) -> None:
    job = mail_job("order_shipped")
    del job[field]
    with pytest.raises(Unrenderable, match=field):
        RENDERER.render(job)


def test_fields_that_nobody_knows_are_passed_over() -> None:
    job = mail_job("order_shipped")
    more = {key: job[key] | {"more": 1} for key in ("data", "shipping_address")}
    items = [item | {"more": 1} for item in job["items"]]
    assert RENDERER.render(job | more | {"items": items, "more": 1}) == RENDERER.render(job)
