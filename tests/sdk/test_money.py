"""Money counts in whole minor units, and never mixes currencies."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from orderbase import Money


@pytest.mark.parametrize(
    ("money", "text", "decimal"),
    [
        (Money(123456, "EUR"), "1,234.56 EUR", "1234.56"),
        (Money(5, "USD"), "0.05 USD", "0.05"),
        (Money(-250, "EUR"), "-2.50 EUR", "-2.50"),
        (Money(1500, "JPY"), "1,500 JPY", "1500"),
        (Money(1234, "KWD"), "1.234 KWD", "1.234"),
        (Money(12345, "CLF"), "1.2345 CLF", "1.2345"),
    ],
)
def test_the_currency_says_how_many_digits_there_are(money: Money, text: str, decimal: str) -> None:
    assert str(money) == text
    assert money.decimal == Decimal(decimal)


def test_a_huge_amount_loses_nothing() -> None:
    assert str(Money(10**30 + 1, "EUR")).replace(",", "") == f"1{'0' * 28}.01 EUR"


def test_arithmetic_is_exact() -> None:
    assert Money(10, "EUR") + Money(20, "EUR") == Money(30, "EUR")
    assert Money(10, "EUR") - Money(20, "EUR") == Money(-10, "EUR")
    assert Money(333, "EUR") * 3 == 3 * Money(333, "EUR") == Money(999, "EUR")
    assert Money(1, "EUR") < Money(2, "EUR") <= Money(2, "EUR")
    assert max(Money(1, "EUR"), Money(3, "EUR")) == Money(3, "EUR")


def test_currencies_do_not_mix() -> None:
    euro, dollar = Money(1, "EUR"), Money(1, "USD")
    assert euro != dollar
    with pytest.raises(ValueError, match="EUR and USD"):
        euro + dollar
    with pytest.raises(ValueError, match="EUR and USD"):
        euro - dollar
    with pytest.raises(ValueError, match="EUR and USD"):
        assert euro < dollar


@pytest.mark.parametrize("amount", [1.5, True, "1", None])
def test_only_whole_numbers_are_amounts(amount: object) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Money(amount, "EUR")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="whole numbers"):
        Money(1, "EUR") * amount  # type: ignore[operator]


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "E1R", "€"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


def test_json_with_a_fraction_is_not_money() -> None:
    adapter = TypeAdapter(Money)
    assert adapter.validate_json('{"amount": 12, "currency": "EUR"}') == Money(12, "EUR")
    with pytest.raises(ValidationError):
        adapter.validate_json('{"amount": 12.5, "currency": "EUR"}')
