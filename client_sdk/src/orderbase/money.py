"""Money: a whole number of a currency's minor units. Never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

_CURRENCY = re.compile(r"[A-Z]{3}")

# ISO 4217: digits after the decimal point, where there are not two.
_EXPONENTS: dict[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency.

    Adding, subtracting and comparing need the same currency on both sides, else ValueError.

    Args:
        amount: minor units (cents, for most currencies); may be negative.
        currency: ISO 4217 code, such as "EUR".

    Raises:
        TypeError: the amount is not an int.
        ValueError: the currency is not three capital letters.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        _require_int(self.amount)
        if isinstance(self.currency, Enum):
            object.__setattr__(self, "currency", self.currency.value)
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"not an ISO 4217 currency code: {self.currency!r}")

    @property
    def exponent(self) -> int:
        """Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for KWD."""
        return _EXPONENTS.get(self.currency, 2)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exactly: 12.50 for 1250 cents."""
        return Decimal(f"{self.amount}E-{self.exponent}")  # exact, whatever the context

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._amount_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._amount_of(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        _require_int(times)
        return Money(self.amount * times, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._amount_of(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._amount_of(other)

    def __str__(self) -> str:
        return f"{self.decimal:,.{self.exponent}f} {self.currency}"

    def _amount_of(self, other: "Money") -> int:
        require_money(other, "the other side")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.amount


def require_money(value: object, name: str) -> None:
    """Refuse a bare number, which has no currency.

    Raises:
        TypeError: it is not Money.
    """
    if not isinstance(value, Money):
        raise TypeError(f"{name} is Money, not {type(value).__name__}")


def _require_int(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"money counts in whole numbers, not {type(value).__name__}")
