"""The life of a PaymentIntent: confirmed, authenticated, captured, declined, or canceled."""

import secrets
from typing import Any

from local_stack.payments import errors
from local_stack.payments.authentication import Answer, Authentication
from local_stack.payments.book import Book, new_id
from local_stack.payments.cards import Card
from local_stack.payments.charges import Charges
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import Cancel, Capture, Confirm, Create
from local_stack.payments.payment_methods import PaymentMethods

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_EXPIRED = "expired"
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

    def __init__(self, book: Book, methods: PaymentMethods) -> None:
        self._book = book
        self._ledger = book.ledger
        self._methods = methods
        self._charges = Charges(book)
        self._authentication = Authentication(book, self._charges)

    def create(self, parameters: Create) -> Document:
        """Make an intent, and confirm it if asked to."""
        if parameters.off_session and not parameters.confirm:
            raise errors.invalid("off_session needs confirm=true.", param="off_session")
        automatic = _automatic_methods(parameters)
        card = self._methods.card(parameters.payment_method)
        if parameters.confirm:
            _require_return_url(automatic, parameters)
            _require_payment_method(card)
        intent = self._add(parameters, automatic)
        self._book.emit("payment_intent.created", intent)
        return self._attempt(intent, card, parameters) if parameters.confirm and card else intent

    def confirm(self, identifier: str, parameters: Confirm) -> Document:
        """Try to take the money, or to authorise it."""
        intent = self.get(identifier)
        _require_status(intent, "confirm", _OPEN)
        _require_return_url(intent["automatic_payment_methods"], parameters)
        payment_method = parameters.payment_method or intent["payment_method"]
        card = _require_payment_method(self._methods.card(payment_method))
        intent["payment_method"] = payment_method
        return self._attempt(intent, card, parameters)

    def authenticate(self, identifier: str, answer: Answer) -> Document:
        """Go on with an intent whose bank asked."""
        intent = self.get(identifier)
        card = self._methods.card(intent["payment_method"])
        return self._authentication.answer(intent, card, answer)

    def capture(self, identifier: str, parameters: Capture) -> Document:
        """Take authorised money; what is not captured is released."""
        intent = self.get(identifier)
        if intent["cancellation_reason"] == _EXPIRED:
            raise errors.expired_for_capture(intent["latest_charge"])
        _require_status(intent, "capture", ("requires_capture",))
        amount = parameters.amount_to_capture or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            raise errors.invalid(
                f"You cannot capture more than the authorized {intent['amount_capturable']}.",
                code="amount_too_large",
                param="amount_to_capture",
            )
        return self._charges.capture(intent, amount)

    def cancel(self, identifier: str, parameters: Cancel) -> Document:
        """End an intent that has taken no money; what was authorised is released."""
        intent = self.get(identifier)
        _require_status(intent, "cancel", (*_OPEN, "requires_capture"))
        return self._end(intent, parameters.cancellation_reason)

    def expire(self, intent: Document) -> None:
        """End an intent that still holds money when its authorisation runs out."""
        if intent["status"] == "requires_capture":
            self._charges.expire(intent)
            self._end(intent, _EXPIRED)

    def get(self, identifier: str) -> Document:
        """The intent that the URL names."""
        intent = self._ledger.get("payment_intent", identifier)
        if not intent:
            raise errors.no_such("payment_intent", identifier, param="intent", status=404)
        return intent

    def _add(self, parameters: Create, automatic: dict[str, Any] | None) -> Document:
        identifier, named = new_id("pi"), parameters.payment_method is not None
        return self._book.add(
            "pi",
            "payment_intent",
            **parameters.model_dump(include=set(_COPIED)),
            id=identifier,
            status="requires_confirmation" if named else "requires_payment_method",
            payment_method=parameters.payment_method,
            payment_method_types=["card"],
            automatic_payment_methods=automatic,
            confirmation_method="automatic",
            amount_capturable=0,
            amount_received=0,
            client_secret=f"{identifier}_secret_{secrets.token_hex(12)}",
            latest_charge=None,
            last_payment_error=None,
            next_action=None,
            canceled_at=None,
            cancellation_reason=None,
        )

    def _end(self, intent: Document, reason: str | None) -> Document:
        intent |= {
            "status": "canceled",
            "amount_capturable": 0,
            "canceled_at": self._book.now(),
            "cancellation_reason": reason,
            "next_action": None,
        }
        self._ledger.save(intent)
        self._book.emit("payment_intent.canceled", intent)
        return intent

    def _attempt(self, intent: Document, card: Card, parameters: Confirm) -> Document:
        intent |= {"next_action": None, "last_payment_error": None}
        if card.asks(off_session=parameters.off_session):
            return self._authentication.ask(intent, card, parameters)
        if card.decline:
            raise self._charges.decline(intent, card, card.decline)
        return self._charges.authorise(intent, card)


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
        raise errors.unexpected_state(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be "
            f"{verb.removesuffix('e')}ed: {', '.join(allowed)}.",
            intent,
        )
