"""Test card numbers as Stripe documents them: checked, and told apart. Nothing here keeps one."""

import re
from datetime import UTC, datetime

from local_stack.payments.cards import Decline

# The card behind each documented number, by the name that its documented id has.
_NAMES = {
    "4242424242424242": "visa",
    "4000056655665556": "visa_debit",
    "5555555555554444": "mastercard",
    "2223003122003222": "mastercard",
    "5200828282828210": "mastercard_debit",
    "5105105105105100": "mastercard_prepaid",
    "378282246310005": "amex",
    "371449635398431": "amex",
    "6011111111111117": "discover",
    "6011000990139424": "discover",
    "3056930009020004": "diners",
    "36227206271667": "diners",
    "3566002020360505": "jcb",
    "6200000000000005": "unionpay",
    "4000000000000002": "chargeDeclined",
    "4000000000000341": "chargeCustomerFail",
    "4000000000009995": "chargeDeclinedInsufficientFunds",
    "4000000000009987": "chargeDeclinedLostCard",
    "4000000000009979": "chargeDeclinedStolenCard",
    "4100000000000019": "chargeDeclinedFraudulent",
    "4000000000006975": "chargeDeclinedVelocityLimitExceeded",
    "4000000000000069": "chargeDeclinedExpiredCard",
    "4000000000000127": "chargeDeclinedIncorrectCvc",
    "4000000000000119": "chargeDeclinedProcessingError",
    "4000002760003184": "authenticationRequired",
    "4000002500003155": "authenticationRequiredOnSetup",
    "4000003800000446": "authenticationRequiredSetupForOffSession",
    "4000008260003178": "authenticationRequiredChargeDeclinedInsufficientFunds",
    "4000000000003055": "threeDSecureOptional",
    "4000000000003063": "threeDSecureRequired",
    "4000000000003220": "threeDSecure2Required",
    "4000008400001629": "threeDSecureRequiredChargeDeclined",
    "4000008400001280": "threeDSecureRequiredProcessingError",
    "4000000000005126": "refundFail",
    "4000000000007726": "pendingRefund",
}
_LENGTHS = range(12, 20)
_LATEST = 50
_MALFORMED = Decline(
    "invalid_number", None, "The card number is not a valid credit card number.", "number"
)
_INCORRECT = Decline("incorrect_number", None, "Your card number is incorrect.", "number")
_LIVE = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)
_MONTH = Decline(
    "invalid_expiry_month", None, "Your card's expiration month is invalid.", "exp_month"
)
_YEAR = Decline("invalid_expiry_year", None, "Your card's expiration year is invalid.", "exp_year")
_CVC = Decline("invalid_cvc", None, "Your card's security code is invalid.", "cvc")


def documented() -> list[str]:
    """Every number that is a card."""
    return list(_NAMES)


def name_of(number: str) -> str | Decline:
    """The name of the card with this number, or why there is none."""
    digits = re.sub(r"[ -]", "", number)
    if not (digits.isascii() and digits.isdigit() and len(digits) in _LENGTHS):
        return _MALFORMED
    if not _luhn(digits):
        return _INCORRECT
    return _NAMES.get(digits, _LIVE)


def check_expiry(month: int, year: int, now: float) -> Decline | None:
    """What is wrong with an expiry; years have two digits or four."""
    today = datetime.fromtimestamp(now, UTC)
    year = full_year(year)
    if not 1 <= month <= 12:
        return _MONTH
    if not today.year <= year <= today.year + _LATEST:
        return _YEAR
    return _MONTH if (year, month) < (today.year, today.month) else None


def full_year(year: int) -> int:
    """2034 for 34 too."""
    return year + 2000 if 0 <= year < 100 else year


def check_cvc(cvc: str, brand: str) -> Decline | None:
    """What is wrong with a security code: American Express has four digits."""
    lengths = (3, 4) if brand == "amex" else (3,)
    fits = cvc.isascii() and cvc.isdigit() and len(cvc) in lengths
    return None if fits else _CVC


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(n - 9 if n > 9 else n for n in doubled) + sum(map(int, digits[::-2]))) % 10 == 0
