"""The test payment methods of Stripe's documentation (docs.stripe.com/testing) and their fates."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    """Why a card was refused, in Stripe's words."""

    code: str
    decline_code: str
    message: str
    param: str | None = None
    advice_code: str | None = None


@dataclass(frozen=True)
class Card:
    """A test card: what it shows, and what becomes of a charge."""

    brand: str
    last4: str
    decline: Decline | None = None
    needs_authentication: bool = False


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


def _declined(last4: str, decline_code: str, advice: str | None, message: str = _DECLINED) -> Card:
    decline = Decline("card_declined", decline_code, message, advice_code=advice)
    return Card("visa", last4, decline)


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
    "chargeDeclined": _declined("0002", "generic_decline", "try_again_later"),
    "chargeCustomerFail": _declined("0341", "generic_decline", "try_again_later"),
    "chargeDeclinedInsufficientFunds": _declined(
        "9995", "insufficient_funds", "try_again_later", "Your card has insufficient funds."
    ),
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
    "authenticationRequired": Card("visa", "3184", needs_authentication=True),
    "authenticationRequiredOnSetup": Card("visa", "3155", needs_authentication=True),
    "threeDSecureRequired": Card("visa", "3063", needs_authentication=True),
    "threeDSecure2Required": Card("visa", "3220", needs_authentication=True),
}


def find(payment_method: str) -> Card | None:
    """The card of a documented id; declines are known with and without their brand in it."""
    if not payment_method.startswith(_PREFIX):
        return None
    name = payment_method.removeprefix(_PREFIX)
    return _CARDS.get(name) or _CARDS.get(name.removeprefix("visa_"))
