"""Amounts of money as operators read and write them: exact, with their currency's code."""

import re
from decimal import Decimal

from admin.errors import AdminError
from functions.kit.currencies import digits_of

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")


def format_money(amount: int | None, currency: str | None) -> str:
    """An amount in minor units, as `1,234.50 EUR`; nothing is an empty text."""
    if amount is None or currency is None:
        return ""
    digits = digits_of(currency)
    return f"{Decimal(f'{amount}E-{digits}'):,.{digits}f} {currency}"


def parse_money(text: str, currency: str) -> int:
    """Minor units of an amount such as `12.50`.

    Raises:
        AdminError: it is no amount of this currency.
    """
    digits = digits_of(currency)
    if not _AMOUNT.fullmatch(text):
        raise AdminError(f"{text} is not an amount, such as 12.50.")
    amount = Decimal(text).scaleb(digits)
    if not amount or amount != amount.to_integral_value():
        raise AdminError(f"{text} is not an amount of {currency}, which has {digits} decimals.")
    return int(amount)
