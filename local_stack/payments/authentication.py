"""3-D Secure: the bank's question, and the answer that a test or a demo page gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from local_stack.payments import cards, errors
from local_stack.payments.book import Book, new_id
from local_stack.payments.cards import Card
from local_stack.payments.charges import Charges
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import Confirm

_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again."
)


class Answer(BaseModel):
    """What the shopper did on the page of the bank."""

    model_config = ConfigDict(extra="forbid")
    outcome: Literal["succeeded", "failed"]


class Authentication:
    """Asks for intents, and goes on with them once there is an answer."""

    def __init__(self, book: Book, charges: Charges) -> None:
        self._book = book
        self._charges = charges

    def ask(self, intent: Document, card: Card, parameters: Confirm) -> Document:
        """Have the intent await an answer, if somebody is there to give one."""
        if parameters.off_session:
            raise self._charges.decline(intent, card, cards.AUTHENTICATION_REQUIRED)
        if parameters.error_on_requires_action:
            raise self._charges.refuse(intent, cards.AUTHENTICATION_NOT_HANDLED)
        intent |= {"status": "requires_action", "next_action": _next_action()}
        self._book.ledger.save(intent)
        self._book.emit("payment_intent.requires_action", intent)
        return intent

    def answer(self, intent: Document, card: Card | None, answer: Answer) -> Document:
        """Charge the card after all, or have the intent await another one."""
        if intent["status"] != "requires_action" or not card:
            raise errors.unexpected_state(
                f"This PaymentIntent awaits no authentication: its status is {intent['status']}.",
                intent,
            )
        if answer.outcome == "failed":
            reason = errors.invalid(_FAILED, code="payment_intent_authentication_failure")
            self._charges.fail(intent, reason.body["error"])
        elif card.decline:
            self._charges.decline(intent, card, card.decline)
        else:
            self._charges.authorise(intent, card)
        return intent


def _next_action() -> Document:
    source = new_id("src")
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {
            "type": "three_d_secure_redirect",
            "source": source,
            "three_d_secure_2_source": source,
        },
    }
