"""Languages: complete catalogues, the nearest one, and how money and dates look in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from string import Formatter

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_currency

from functions.emails.language import CATALOGUES, Texts, language_of
from functions.emails.money import format_money
from functions.emails.templates import TEMPLATES

NO_BREAK_SPACE = "\u00a0"


def gaps(texts: Texts) -> dict[tuple[str, str], set[str]]:
    """By section and key: the words in braces."""
    return {
        (section, key): set(_words(text))
        for section, entries in texts.items()
        for key, text in entries.items()
    }


def _words(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("tag", CATALOGUES)
def test_all_languages_have_the_same_texts_with_the_same_gaps(tag: str) -> None:
    assert gaps(CATALOGUES[tag]) == gaps(CATALOGUES["en"])
    assert set(CATALOGUES[tag]) == {"layout", "failures", *TEMPLATES}
    assert all(text.strip() for entries in CATALOGUES[tag].values() for text in entries.values())


@pytest.mark.parametrize(
    ("tag", "text", "locale"),
    [
        ("en", "en", "en"),
        ("EN-gb", "en", "en_GB"),
        ("de", "de", "de"),
        ("de-AT", "de", "de_AT"),
        ("de-CH-1996", "de", "de_CH"),
        ("de_DE", "de", "de_DE"),
        ("fr-FR", "en", "en"),
        ("tlh", "en", "en"),
        ("", "en", "en"),
        ("-", "en", "en"),
        ("../../etc/passwd", "en", "en"),
        ("a-" * 10_000, "en", "en"),
    ],
)
def test_the_nearest_language_is_taken(tag: str, text: str, locale: str) -> None:
    language = language_of(tag)
    assert (language.tag, str(language.locale)) == (text, locale)


@pytest.mark.parametrize(
    ("tag", "date", "moment"),
    [
        ("en", "November 1, 2026", "November 1, 2026, 11:30:00 PM UTC"),
        ("en-GB", "1 November 2026", "1 November 2026, 23:30:00 UTC"),
        ("de-AT", "1. November 2026", "1. November 2026, 23:30:00 UTC"),
    ],
)
def test_dates(tag: str, date: str, moment: str) -> None:
    language, when = language_of(tag), datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    assert language.date(when) == date
    assert language.moment(when).replace("\u202f", " ") == moment


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (0, "EUR", "en", "€0.00"),
        (5, "EUR", "de", "0,05 €"),
        (129_900, "EUR", "de_AT", "€ 1.299,00"),
        (123_456_789, "GBP", "en", "£1,234,567.89"),
        (123_456_789, "CHF", "de_CH", "CHF 1'234'567.89"),
        (123_456_789, "INR", "en_IN", "₹12,34,567.89"),
        (1200, "CHF", "en", "CHF 12.00"),
        (1234, "JPY", "en", "¥1,234"),
        (1234, "ISK", "en", "ISK 1,234"),
        (1234, "UGX", "en", "UGX 1,234"),
        (0, "KRW", "de", "0 ₩"),
        (1234, "KWD", "en", "KWD 1.234"),
        (1234, "IQD", "en", "IQD 1.234"),
        (1234, "RSD", "de", "12,34 RSD"),
        (12_345, "CLF", "en", "CLF 1.2345"),
        (9_007_199_254_740_993, "EUR", "en", "€90,071,992,547,409.93"),
        (10**17 + 1, "EUR", "de", "1.000.000.000.000.000,01 €"),
        (-1999, "EUR", "en", "-€19.99"),
    ],
)
def test_money_is_exact_in_every_currency(
    amount: int, currency: str, locale: str, text: str
) -> None:
    shown = format_money(amount, currency, Locale.parse(locale))
    assert shown.replace(NO_BREAK_SPACE, " ") == text


def test_money_looks_as_babel_has_it_in_every_locale() -> None:
    """Apart from spaces, and from apostrophes between digits, every second of which it loses."""
    for name in locale_identifiers():
        locale = Locale.parse(name)
        for amount in (0, 5, -1999, 123_456, 1_234_567_890):
            theirs = format_currency(Decimal(amount).scaleb(-2), "EUR", locale=locale)
            ours = format_money(amount, "EUR", locale)
            assert _bare(ours) == _bare(theirs), name


def _bare(text: str) -> str:
    return text.replace(NO_BREAK_SPACE, "").replace("'", "")
