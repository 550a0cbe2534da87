"""Amounts of several currencies."""

from collections.abc import Mapping

from orderbase.money import Money


def by_currency(amounts: Mapping[str, int]) -> dict[str, Money]:
    """Money of whole minor units, both by ISO 4217 code."""
    return {currency: Money(amount, currency) for currency, amount in amounts.items()}
