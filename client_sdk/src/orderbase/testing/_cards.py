"""What becomes of a charge, by Stripe's documented test payment methods."""

from typing import NamedTuple

from orderbase.testing._refusals import unknown


class Decline(NamedTuple):
    """Why a charge was refused, as the order says it."""

    code: str
    message: str


_PREFIX = "pm_card_"
_CARD_DECLINED = Decline("card_declined", "Your card was declined.")
_PAYS = frozenset(
    {
        "visa",
        "visa_debit",
        "mastercard",
        "mastercard_debit",
        "mastercard_prepaid",
        "amex",
        "discover",
        "diners",
        "jcb",
        "unionpay",
        "threeDSecureOptional",
        "amex_threeDSecureNotSupported",
    }
)
_ASKS = frozenset(
    {
        "authenticationRequired",
        "authenticationRequiredOnSetup",
        "authenticationRequiredSetupForOffSession",
        "threeDSecureRequired",
        "threeDSecure2Required",
    }
)
_UNKNOWN = frozenset(
    {
        "refundFail",
        "pendingRefund",
        "threeDSecureRequiredChargeDeclined",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
    }
)
_DECLINES = {
    "chargeDeclined": _CARD_DECLINED,
    "chargeCustomerFail": _CARD_DECLINED,
    "chargeDeclinedInsufficientFunds": Decline(
        "card_declined", "Your card has insufficient funds."
    ),
    "chargeDeclinedLostCard": _CARD_DECLINED,
    "chargeDeclinedStolenCard": _CARD_DECLINED,
    "chargeDeclinedFraudulent": _CARD_DECLINED,
    "chargeDeclinedVelocityLimitExceeded": _CARD_DECLINED,
    "chargeDeclinedExpiredCard": Decline("expired_card", "Your card has expired."),
    "chargeDeclinedIncorrectCvc": Decline(
        "incorrect_cvc", "Your card's security code is incorrect."
    ),
    "chargeDeclinedProcessingError": Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "threeDSecureRequiredProcessingError": _CARD_DECLINED,
}


def decline_of(payment_method: str) -> Decline | None:
    """Why a charge of this is refused; None if it is not."""
    name = _name(payment_method)
    if name in _PAYS | _ASKS:
        return None
    return _DECLINES.get(name) or Decline(
        "resource_missing", f"No such PaymentMethod: '{payment_method}'"
    )


def asks_shopper(payment_method: str) -> bool:
    """Whether the bank wants the shopper to confirm the payment."""
    return _name(payment_method) in _ASKS


def check_known(payment_method: str) -> None:
    """Refuse a card whose story the fake cannot tell.

    Raises:
        Refusal: it is one.
    """
    if _name(payment_method) in _UNKNOWN:
        raise unknown(f"what becomes of {payment_method}")


def _name(payment_method: str) -> str:
    name = payment_method.removeprefix(_PREFIX) if payment_method.startswith(_PREFIX) else ""
    return name if name in _PAYS else name.removeprefix("visa_")
