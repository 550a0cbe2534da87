"""Refunds: money given back, never more than was taken."""

from local_stack.payments import errors
from local_stack.payments.book import Book
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import CreateRefund


class Refunds:
    """Refunds of captured charges; card refunds succeed at once."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ledger = book.ledger

    def create(self, parameters: CreateRefund) -> Document:
        """Give back `amount`, or all that is left; runs inside the ledger's transaction."""
        charge = self._charge(parameters)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = left if parameters.amount is None else parameters.amount
        _require_refundable(charge, amount, left)
        refund = self._book.add(
            "re",
            "refund",
            payment_intent=charge["payment_intent"],
            charge=charge["id"],
            amount=amount,
            currency=charge["currency"],
            reason=parameters.reason,
            metadata=parameters.metadata,
            status="succeeded",
        )
        refund["balance_transaction"] = self._book.move(
            "refund", -amount, charge["currency"], refund["id"]
        )
        self._ledger.save(refund)
        charge |= {
            "amount_refunded": charge["amount_refunded"] + amount,
            "refunded": amount == left,
        }
        self._ledger.save(charge)
        self._book.emit("charge.refunded", charge)
        return refund

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
