"""The whole ledger, or what concerns one order, in the form that tests read."""

from collections import Counter

from local_stack.payments.ledger import Document, Ledger

_ORDER = "order_id"
_MOVEMENTS = ("balance_transaction", "failure_balance_transaction")


class Statement:
    """Intents, charges and refunds, newest first, and what they add up to."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of_all(self) -> Document:
        return {
            "intents": self._ledger.page("payment_intent"),
            "charges": self._ledger.page("charge"),
            "refunds": self._ledger.page("refund"),
            "balance": self._ledger.balance(),
        }

    def of_order(self, order: str) -> Document:
        """What concerns the intents whose metadata name this order."""
        intents = [intent for _, intent in self._ledger.intents((_ORDER, order))]
        charges = self._belonging("charge", intents)
        refunds = self._belonging("refund", intents)
        balance = self._balance(charges + refunds)
        return {"intents": intents, "charges": charges, "refunds": refunds, "balance": balance}

    def _belonging(self, kind: str, intents: list[Document]) -> list[Document]:
        pages = (self._ledger.page(kind, payment_intent=intent["id"]) for intent in intents)
        return [document for page in pages for document in page]

    def _balance(self, sources: list[Document]) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for identifier in (source.get(field) for source in sources for field in _MOVEMENTS):
            movement = self._ledger.get("balance_transaction", identifier) if identifier else None
            if movement:
                sums[movement["currency"]] += movement["amount"]
        return dict(sums)
