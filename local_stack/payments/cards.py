"""The test payment methods of Stripe's documentation (docs.stripe.com/testing) and their fates."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal


@dataclass(frozen=True)
class Decline:
    """Why a card was refused, in Stripe's words."""

    code: str
    decline_code: str | None
    message: str
    param: str | None = None
    advice_code: str | None = None


@dataclass(frozen=True)
class Card:
    """A test card: what it shows, and what becomes of a charge and of its refund."""

    brand: str
    last4: str
    decline: Decline | None = None
    authentication: Literal["none", "on_session", "always"] = "none"
    refund: Literal["succeeded", "pending", "failed"] = "succeeded"

    def asks(self, *, off_session: bool) -> bool:
        """Whether the bank wants 3-D Secure for this payment."""
        return self.authentication == "always" or (
            self.authentication == "on_session" and not off_session
        )


_DECLINED = "Your card was declined."
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    f"{_DECLINED} This transaction requires authentication.",
)
AUTHENTICATION_NOT_HANDLED = Decline(
    "authentication_required",
    "authentication_not_handled",
    "This payment required an authentication action to complete, "
    "but `error_on_requires_action` was set.",
)
_GENERIC = Decline("card_declined", "generic_decline", _DECLINED, advice_code="try_again_later")
_NO_FUNDS = Decline(
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
    advice_code="try_again_later",
)


def _declined(last4: str, decline_code: str, advice: str | None) -> Card:
    return Card("visa", last4, Decline("card_declined", decline_code, _DECLINED, None, advice))


def _incorrect(last4: str, code: str, message: str, param: str) -> Card:
    return Card("visa", last4, Decline(code, code, message, param, "confirm_card_data"))


_PROCESSING_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    advice_code="try_again_later",
)
_PREFIX = "pm_card_"
_CARDS = {
    "visa": Card("visa", "4242"),
    "visa_debit": Card("visa", "5556"),
    "mastercard": Card("mastercard", "4444"),
    "mastercard_debit": Card("mastercard", "8210"),
    "mastercard_prepaid": Card("mastercard", "5100"),
    "amex": Card("amex", "0005"),
    "discover": Card("discover", "1117"),
    "diners": Card("diners", "0004"),
    "jcb": Card("jcb", "0505"),
    "unionpay": Card("unionpay", "0005"),
    "threeDSecureOptional": Card("visa", "3055"),
    "amex_threeDSecureNotSupported": Card("amex", "0005"),
    "chargeDeclined": Card("visa", "0002", _GENERIC),
    "chargeCustomerFail": Card("visa", "0341", _GENERIC),
    "chargeDeclinedInsufficientFunds": Card("visa", "9995", _NO_FUNDS),
    "chargeDeclinedLostCard": _declined("9987", "lost_card", "do_not_try_again"),
    "chargeDeclinedStolenCard": _declined("9979", "stolen_card", "do_not_try_again"),
    "chargeDeclinedFraudulent": _declined("0019", "fraudulent", None),
    "chargeDeclinedVelocityLimitExceeded": _declined("6975", "card_velocity_exceeded", None),
    "chargeDeclinedExpiredCard": _incorrect(
        "0069", "expired_card", "Your card has expired.", "exp_month"
    ),
    "chargeDeclinedIncorrectCvc": _incorrect(
        "0127", "incorrect_cvc", "Your card's security code is incorrect.", "cvc"
    ),
    "chargeDeclinedProcessingError": Card("visa", "0119", _PROCESSING_ERROR),
    "authenticationRequired": Card("visa", "3184", authentication="always"),
    "authenticationRequiredOnSetup": Card("visa", "3155", authentication="always"),
    "authenticationRequiredSetupForOffSession": Card("visa", "0446", authentication="on_session"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "visa", "3178", _NO_FUNDS, authentication="always"
    ),
    "threeDSecureRequired": Card("visa", "3063", authentication="always"),
    "threeDSecure2Required": Card("visa", "3220", authentication="always"),
    "threeDSecureRequiredChargeDeclined": Card("visa", "1629", _GENERIC, authentication="always"),
    "threeDSecureRequiredProcessingError": Card("visa", "1280", _GENERIC),
    "refundFail": Card("visa", "5126", refund="failed"),
    "pendingRefund": Card("visa", "7726", refund="pending"),
}


def named(name: str) -> Card:
    """The card of a name, which is its documented id without `pm_card_`."""
    return _CARDS[name]


def find(payment_method: str) -> tuple[str, Card] | None:
    """Name and card of a documented id; declines are known with and without their brand in it."""
    if not payment_method.startswith(_PREFIX):
        return None
    name = payment_method.removeprefix(_PREFIX)
    name = name if name in _CARDS else name.removeprefix("visa_")
    card = _CARDS.get(name)
    return (name, card) if card else None


def fingerprint(name: str) -> str:
    """What a payment method shows of its number: equal for equal cards, and not the number."""
    return sha256(name.encode()).hexdigest()[:16]


_BY_FINGERPRINT = {fingerprint(name): card for name, card in _CARDS.items()}


def of_fingerprint(shown: str) -> Card:
    """The card whose number has this fingerprint."""
    return _BY_FINGERPRINT[shown]
