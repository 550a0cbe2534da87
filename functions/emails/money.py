"""Amounts of money as people read them."""

# ISO 4217: digits of the minor unit, where they are not two.
_DIGITS = {
    currency: digits
    for digits, currencies in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }.items()
    for currency in currencies.split()
}
_NO_BREAK_SPACE = "\u00a0"


def format_money(amount: int, currency: str) -> str:
    """An amount in minor units, as `EUR 1,234.50`, `JPY 1,234` or `KWD 1.234`, in exact digits."""
    digits = _DIGITS.get(currency, 2)
    whole, fraction = divmod(abs(amount), 10**digits)
    number = f"{whole:,}.{fraction:0{digits}}" if digits else f"{whole:,}"
    return f"{currency}{_NO_BREAK_SPACE}{'-' if amount < 0 else ''}{number}"
