"""Refunds: money given back, never more than was taken; some banks decide about them later."""

from local_stack.payments import errors
from local_stack.payments.book import Book
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import CreateRefund
from local_stack.payments.payment_methods import PaymentMethods


class Refunds:
    """Refunds of captured charges. The money leaves the balance at once, pending or not."""

    def __init__(self, book: Book, methods: PaymentMethods, settled_after: float) -> None:
        """`settled_after` is the seconds until the cards of `settle` have their last state."""
        self._book = book
        self._ledger = book.ledger
        self._methods = methods
        self._settled_after = settled_after

    def create(self, parameters: CreateRefund) -> Document:
        """Give back `amount`, or all that is left; runs inside the ledger's transaction."""
        charge = self._charge(parameters)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = left if parameters.amount is None else parameters.amount
        _require_refundable(charge, amount, left)
        refund = self._add(charge, amount, parameters)
        self._give_back(charge, amount)
        self._book.emit("charge.refunded", charge)
        self._book.emit("refund.created", refund)
        return refund

    def settle(self, refund: Document) -> None:
        """Say what the bank made of it: a pending refund succeeds, one that seemed done fails."""
        charge = self._ledger.get("charge", refund["charge"])
        if charge and self._fate(charge) == "failed":
            self._fail(refund, charge)
        else:
            refund["status"] = "succeeded"
        self._ledger.save(refund)
        self._book.emit("charge.refund.updated", refund)
        self._book.emit("refund.updated", refund)
        if refund["status"] == "failed":
            self._book.emit("refund.failed", refund)

    def _add(self, charge: Document, amount: int, parameters: CreateRefund) -> Document:
        fate = self._fate(charge)
        refund = self._book.add(
            "re",
            "refund",
            payment_intent=charge["payment_intent"],
            charge=charge["id"],
            amount=amount,
            currency=charge["currency"],
            reason=parameters.reason,
            metadata=parameters.metadata,
            status="pending" if fate == "pending" else "succeeded",
        )
        movement = self._book.move("refund", -amount, charge["currency"], refund["id"])
        refund["balance_transaction"] = movement
        if fate != "succeeded":
            self._book.later(refund, self._settled_after)
        return refund

    def _fail(self, refund: Document, charge: Document) -> None:
        amount, currency = refund["amount"], refund["currency"]
        refund |= {
            "status": "failed",
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": self._book.move(
                "refund_failure", amount, currency, refund["id"]
            ),
        }
        self._give_back(charge, -amount)

    def _give_back(self, charge: Document, amount: int) -> None:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._ledger.save(charge)

    def _fate(self, charge: Document) -> str:
        card = self._methods.card(charge["payment_method"])
        return card.refund if card else "succeeded"

    def _charge(self, parameters: CreateRefund) -> Document:
        if parameters.charge:
            charge = self._ledger.get("charge", parameters.charge)
            if not charge:
                raise errors.no_such("charge", parameters.charge, param="charge")
            return charge
        if not parameters.payment_intent:
            raise errors.invalid(
                "One of the following params should be provided for this request: "
                "payment_intent or charge.",
                code="parameter_missing",
            )
        return self._charge_of_intent(parameters.payment_intent)

    def _charge_of_intent(self, identifier: str) -> Document:
        intent = self._ledger.get("payment_intent", identifier)
        if not intent:
            raise errors.no_such("payment_intent", identifier, param="payment_intent")
        charge = self._ledger.get("charge", intent["latest_charge"] or "")
        if not charge or not charge["paid"]:
            raise errors.invalid(
                f"This PaymentIntent ({identifier}) does not have a successful charge to refund."
            )
        return charge


def _require_refundable(charge: Document, amount: int, left: int) -> None:
    if not charge["captured"]:
        raise errors.invalid(
            f"Charge {charge['id']} was not captured. Cancel its PaymentIntent instead."
        )
    if not left:
        raise errors.invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount > left:
        raise errors.invalid(
            f"Refund amount ({amount} {charge['currency']}) is greater than unrefunded amount "
            f"on charge ({left} {charge['currency']})",
            param="amount",
        )
