"""The languages that mails are written in: a file of `texts/` each."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime

from functions.emails.money import format_money

Texts = Mapping[str, Mapping[str, str]]
"""By section (a template, or `layout`), then by key."""

FALLBACK = "en"
_MAX_SUBTAGS = 4
CATALOGUES: Mapping[str, Texts] = {
    file.stem: tomllib.loads(file.read_text("utf-8"))
    for file in sorted((Path(__file__).parent / "texts").glob("*.toml"))
}
"""By BCP 47 tag."""

_BY_LOWER_CASE = {tag.lower(): tag for tag in CATALOGUES}


@dataclass(frozen=True)
class Language:
    """Texts, and how numbers, money and dates look to those who read them."""

    tag: str
    """Of the texts, as HTML's `lang`."""
    locale: Locale
    texts: Texts

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    def say(self, section: str, key: str, **values: object) -> str:
        """A text with values in its gaps; what a value holds is never read as a gap.

        Raises:
            KeyError: there is no such text, or it has a gap that no value fills.
        """
        return self.texts[section][key].format_map(values)

    def country(self, code: str) -> str:
        """The name of an ISO 3166-1 code."""
        name: str = self.locale.territories.get(code, code)
        return name

    def money(self, amount: int, currency: str) -> str:
        return format_money(amount, currency, self.locale)

    def date(self, moment: datetime) -> str:
        return _date(moment.astimezone(UTC).toordinal(), self.locale)

    def moment(self, moment: datetime) -> str:
        return format_datetime(moment, "long", tzinfo=UTC, locale=self.locale)


@lru_cache(maxsize=512)
def language_of(tag: str) -> Language:
    """The nearest language there is: `de` for `de-CH`, with Swiss numbers; else English."""
    tags = list(_from_long_to_short(tag))
    found = next((_BY_LOWER_CASE[short] for short in tags if short in _BY_LOWER_CASE), FALLBACK)
    home = Locale.parse(found, sep="-")
    locales = (locale for short in tags if (locale := _locale(short)))
    fitting = (locale for locale in locales if locale.language == home.language)
    return Language(found, next(fitting, home), CATALOGUES[found])


def _from_long_to_short(tag: str) -> Iterator[str]:
    parts = tag.replace("_", "-").lower().split("-")[:_MAX_SUBTAGS]
    return ("-".join(parts[:count]) for count in range(len(parts), 0, -1))


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


@lru_cache(maxsize=256)
def _date(ordinal: int, locale: Locale) -> str:
    return format_date(datetime.fromordinal(ordinal), "long", locale=locale)
