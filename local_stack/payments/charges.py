"""Charges: authorised, captured, declined, or given up; each belongs to an intent."""

from local_stack.payments import errors
from local_stack.payments.book import Book
from local_stack.payments.cards import Card, Decline
from local_stack.payments.ledger import Document

AUTHORISED_SECONDS = 7 * 24 * 3600
"""How long an authorisation holds."""


class Charges:
    """Moves the money of intents. The intent is saved, and the events are told, here too."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def authorise(self, intent: Document, card: Card) -> Document:
        """Have the bank agree; the money is taken too unless it is to be captured later."""
        intent["next_action"] = None
        charge = self._add(intent, card, status="succeeded", paid=True)
        intent["latest_charge"] = charge["id"]
        if intent["capture_method"] != "manual":
            self._take(intent, charge, intent["amount"])
            self._book.emit("charge.succeeded", charge)
            self._book.emit("payment_intent.succeeded", intent)
            return intent
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        self._book.ledger.save(intent)
        self._book.later(intent, AUTHORISED_SECONDS)
        self._book.emit("charge.succeeded", charge)
        self._book.emit("payment_intent.amount_capturable_updated", intent)
        return intent

    def capture(self, intent: Document, amount: int) -> Document:
        """Take authorised money; what is not captured is released."""
        charge = self._of(intent)
        self._take(intent, charge, amount)
        self._book.emit("charge.captured", charge)
        self._book.emit("payment_intent.succeeded", intent)
        return intent

    def decline(self, intent: Document, card: Card, decline: Decline) -> errors.StripeError:
        """Record that the bank refused; what to answer."""
        charge = self._add(
            intent,
            card,
            status="failed",
            paid=False,
            failure_code=decline.code,
            failure_message=decline.message,
        )
        self._book.emit("charge.failed", charge)
        return self.refuse(intent, decline, charge["id"])

    def refuse(
        self, intent: Document, decline: Decline, charge: str | None = None
    ) -> errors.StripeError:
        """Have the intent await another payment method; what to answer."""
        refusal = errors.declined(decline, charge=charge, payment_intent=intent)
        details = {k: v for k, v in refusal.body["error"].items() if k != "payment_intent"}
        intent["latest_charge"] = charge or intent["latest_charge"]
        self.fail(intent, details)
        return refusal

    def fail(self, intent: Document, reason: Document) -> None:
        """Have the intent await another payment method, for that reason."""
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
            "last_payment_error": reason,
        }
        self._book.ledger.save(intent)
        self._book.emit("payment_intent.payment_failed", intent)

    def expire(self, intent: Document) -> None:
        """Tell that the bank no longer holds the money."""
        self._book.emit("charge.expired", self._of(intent))

    def _of(self, intent: Document) -> Document:
        charge = self._book.ledger.get("charge", intent["latest_charge"])
        assert charge, "an authorised intent has its charge"  # noqa: S101 - see `authorise`
        return charge

    def _take(self, intent: Document, charge: Document, amount: int) -> None:
        movement = self._book.move("charge", amount, charge["currency"], charge["id"])
        charge |= {"captured": True, "amount_captured": amount, "balance_transaction": movement}
        self._book.ledger.save(charge)
        intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        self._book.ledger.save(intent)

    def _add(self, intent: Document, card: Card, **outcome: object) -> Document:
        fields: Document = {
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
