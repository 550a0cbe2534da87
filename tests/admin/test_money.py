import pytest

from admin.errors import AdminError
from admin.money import format_money, parse_money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("1250", "JPY", 1250),
        ("0.001", "KWD", 1),
        ("3", "ISK", 3),
    ],
)
def test_an_amount_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert parse_money(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "2.505", "-1", "+1", "ten", "nan", "1e9", "1,000", "\u0661", "9" * 99]
)
def test_what_is_no_amount_of_euros(text: str) -> None:
    with pytest.raises(AdminError, match="amount"):
        parse_money(text, "EUR")


def test_amounts_for_people() -> None:
    assert format_money(123_456_789, "EUR") == "1,234,567.89 EUR"
    assert format_money(-5, "EUR") == "-0.05 EUR"
    assert format_money(999, "JPY") == "999 JPY"
    assert format_money(1, "KWD") == "0.001 KWD"
    assert format_money(None, "EUR") == format_money(1, None) == ""
