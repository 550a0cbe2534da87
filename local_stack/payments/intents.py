"""The life of a PaymentIntent: confirmed, authorised, captured, declined, or canceled."""

from typing import Any

from local_stack.payments import cards, errors
from local_stack.payments.book import Book, new_id
from local_stack.payments.cards import Card, Decline
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import Cancel, Capture, Confirm, Create

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_COPIED = (
    "amount",
    "currency",
    "capture_method",
    "metadata",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_NO_RETURN_URL = (
    "A `return_url` must be specified because this Payment Intent is configured to automatically "
    "accept the payment methods enabled in the Dashboard, some of which may require a full page "
    "redirect to succeed. If you do not want to accept redirect-based payment methods, set "
    "`automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)
_NO_PAYMENT_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. Confirm it "
    "again with a payment method."
)


class Intents:
    """What can be done to intents. Every write runs inside the ledger's transaction.

    A `StripeError` that they raise is an outcome like another: what was written before stays.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ledger = book.ledger

    def create(self, parameters: Create) -> Document:
        """Make an intent, and confirm it if asked to."""
        if parameters.off_session and not parameters.confirm:
            raise errors.invalid("off_session needs confirm=true.", param="off_session")
        automatic = _automatic_methods(parameters)
        card = _card(parameters.payment_method)
        if parameters.confirm:
            _require_return_url(automatic, parameters)
            _require_payment_method(card)
        intent = self._book.add(
            "pi",
            "payment_intent",
            **parameters.model_dump(include=set(_COPIED)),
            status="requires_confirmation" if card else "requires_payment_method",
            payment_method=parameters.payment_method,
            payment_method_types=["card"],
            automatic_payment_methods=automatic,
            confirmation_method="automatic",
            amount_capturable=0,
            amount_received=0,
            client_secret=new_id("pi_secret"),
            latest_charge=None,
            last_payment_error=None,
            next_action=None,
            canceled_at=None,
            cancellation_reason=None,
        )
        return self._attempt(intent, card, parameters) if parameters.confirm and card else intent

    def confirm(self, identifier: str, parameters: Confirm) -> Document:
        """Try to take the money, or to authorise it."""
        intent = self.get(identifier)
        _require_status(intent, "confirm", _OPEN)
        _require_return_url(intent["automatic_payment_methods"], parameters)
        payment_method = parameters.payment_method or intent["payment_method"]
        card = _card(payment_method)
        intent["payment_method"] = payment_method
        return self._attempt(intent, _require_payment_method(card), parameters)

    def capture(self, identifier: str, parameters: Capture) -> Document:
        """Take authorised money; what is not captured is released."""
        intent = self.get(identifier)
        _require_status(intent, "capture", ("requires_capture",))
        amount = parameters.amount_to_capture or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            raise errors.invalid(
                f"You cannot capture more than the authorized {intent['amount_capturable']}.",
                code="amount_too_large",
                param="amount_to_capture",
            )
        return self._take(intent, self._ledger.get("charge", intent["latest_charge"]), amount)

    def cancel(self, identifier: str, parameters: Cancel) -> Document:
        """End an intent that has taken no money."""
        intent = self.get(identifier)
        _require_status(intent, "cancel", (*_OPEN, "requires_capture"))
        intent |= {
            "status": "canceled",
            "amount_capturable": 0,
            "canceled_at": self._book.now(),
            "cancellation_reason": parameters.cancellation_reason,
            "next_action": None,
        }
        self._ledger.save(intent)
        return intent

    def get(self, identifier: str) -> Document:
        """The intent that the URL names."""
        intent = self._ledger.get("payment_intent", identifier)
        if not intent:
            raise errors.no_such("payment_intent", identifier, param="intent", status=404)
        return intent

    def _attempt(self, intent: Document, card: Card, parameters: Confirm) -> Document:
        intent |= {"next_action": None, "last_payment_error": None}
        if card.needs_authentication:
            return self._authenticate(intent, card, parameters)
        if card.decline:
            raise self._declined(intent, card, card.decline)
        return self._authorise(intent, card)

    def _authenticate(self, intent: Document, card: Card, parameters: Confirm) -> Document:
        if parameters.off_session:
            raise self._declined(intent, card, cards.AUTHENTICATION_REQUIRED)
        if parameters.error_on_requires_action:
            raise self._refused(intent, cards.AUTHENTICATION_NOT_HANDLED, charge=None)
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        self._ledger.save(intent)
        return intent

    def _authorise(self, intent: Document, card: Card) -> Document:
        charge = self._charge(intent, card, status="succeeded", paid=True)
        intent["latest_charge"] = charge["id"]
        if intent["capture_method"] != "manual":
            return self._take(intent, charge, intent["amount"])
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        self._ledger.save(intent)
        return intent

    def _take(self, intent: Document, charge: Document | None, amount: int) -> Document:
        assert charge, "an authorised intent has its charge"  # noqa: S101 - see `_authorise`
        movement = self._book.move("charge", amount, charge["currency"], charge["id"])
        charge |= {"captured": True, "amount_captured": amount, "balance_transaction": movement}
        self._ledger.save(charge)
        intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        self._ledger.save(intent)
        self._book.emit("payment_intent.succeeded", intent)
        return intent

    def _declined(self, intent: Document, card: Card, decline: Decline) -> errors.StripeError:
        charge = self._charge(
            intent,
            card,
            status="failed",
            paid=False,
            failure_code=decline.code,
            failure_message=decline.message,
        )
        return self._refused(intent, decline, charge["id"])

    def _refused(
        self, intent: Document, decline: Decline, charge: str | None
    ) -> errors.StripeError:
        refusal = errors.card(decline, intent, charge)
        details = {k: v for k, v in refusal.body["error"].items() if k != "payment_intent"}
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "latest_charge": charge or intent["latest_charge"],
            "last_payment_error": details,
        }
        self._ledger.save(intent)
        self._book.emit("payment_intent.payment_failed", intent)
        return refusal

    def _charge(self, intent: Document, card: Card, **outcome: object) -> Document:
        fields: dict[str, Any] = {
            "payment_intent": intent["id"],
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "captured": False,
            "currency": intent["currency"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": None,
            "failure_message": None,
            "metadata": intent["metadata"],
            "payment_method": intent["payment_method"],
            "payment_method_details": {
                "type": "card",
                "card": {"brand": card.brand, "last4": card.last4},
            },
            "receipt_email": intent["receipt_email"],
            "refunded": False,
        }
        return self._book.add("ch", "charge", **fields | outcome)


def _card(payment_method: str | None) -> Card | None:
    if payment_method is None:
        return None
    card = cards.find(payment_method)
    if not card:
        raise errors.no_such("PaymentMethod", payment_method, param="payment_method")
    return card


def _automatic_methods(parameters: Create) -> dict[str, Any] | None:
    if parameters.automatic_payment_methods:
        return parameters.automatic_payment_methods.model_dump()
    if parameters.payment_method_types:
        return None
    return {"enabled": True, "allow_redirects": "always"}


def _require_payment_method(card: Card | None) -> Card:
    if not card:
        raise errors.invalid(_NO_PAYMENT_METHOD, code="payment_intent_unexpected_state")
    return card


def _require_return_url(automatic: dict[str, Any] | None, parameters: Confirm) -> None:
    redirects = automatic and automatic["enabled"] and automatic["allow_redirects"] == "always"
    stays = parameters.off_session or parameters.error_on_requires_action
    if redirects and not stays and not parameters.return_url:
        raise errors.invalid(_NO_RETURN_URL)


def _require_status(intent: Document, verb: str, allowed: tuple[str, ...]) -> None:
    if intent["status"] not in allowed:
        raise errors.invalid(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be "
            f"{verb.removesuffix('e')}ed: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
