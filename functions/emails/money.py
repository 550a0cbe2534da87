"""Amounts of money as people read them, in their language, exact to the last digit.

CLDR's digits, which Babel has, are those that people use, as none for IQD; ours are ISO 4217's.
"""

from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.numbers import get_currency_symbol, get_decimal_symbol, get_group_symbol

from functions.kit.currencies import digits_of

_NO_BREAK_SPACE = "\u00a0"
_SIGN = "\u00a4"


@lru_cache(maxsize=4096)
def format_money(amount: int, currency: str, locale: Locale) -> str:
    """An amount in ISO 4217 minor units, as `€1,234.50`, `1.234,50 €` or `IQD 1.234`."""
    return _style(currency, locale).format(amount)


@dataclass(frozen=True)
class _Style:
    """What a locale puts around, between and after the digits of a currency."""

    affixes: tuple[tuple[str, str], tuple[str, str]]
    """Before and after an amount; then the same of one below zero."""
    group: str
    sizes: tuple[int, int]
    """Of the last group of digits, and of those before it."""
    point: str
    digits: int

    # Babel's own formatting loses every second of de-CH's separators, which are apostrophes.
    def format(self, amount: int) -> str:
        whole, fraction = divmod(abs(amount), 10**self.digits)
        before, after = self.affixes[amount < 0]
        number = self.group.join(self._groups(str(whole)))
        if self.digits:
            number += f"{self.point}{fraction:0{self.digits}}"
        return f"{before}{number}{after}"

    def _groups(self, whole: str) -> list[str]:
        last, others = self.sizes
        groups = [whole[-last:]]
        rest = whole[:-last]
        while rest:
            groups.insert(0, rest[-others:])
            rest = rest[:-others]
        return groups


@lru_cache(maxsize=256)
def _style(currency: str, locale: Locale) -> _Style:
    pattern = locale.currency_formats["standard"]
    symbol = get_currency_symbol(currency, locale)
    affixes = [
        (_before(prefix, symbol), _after(suffix, symbol))
        for prefix, suffix in zip(pattern.prefix, pattern.suffix, strict=True)
    ]
    return _Style(
        affixes=(affixes[0], affixes[1]),
        group=get_group_symbol(locale),
        sizes=pattern.grouping,
        point=get_decimal_symbol(locale),
        digits=digits_of(currency),
    )


def _before(prefix: str, symbol: str) -> str:
    """Letters keep off the digits, which is CLDR's rule for spacing."""
    text = prefix.replace(_SIGN, symbol)
    return text + _NO_BREAK_SPACE if text[-1:].isalpha() else text


def _after(suffix: str, symbol: str) -> str:
    text = suffix.replace(_SIGN, symbol)
    return _NO_BREAK_SPACE + text if text[:1].isalpha() else text
