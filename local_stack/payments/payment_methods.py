"""Payment methods: the documented ids, and those made of a test card's number."""

from local_stack.payments import card_numbers, cards, errors
from local_stack.payments.book import Book
from local_stack.payments.cards import Card, Decline
from local_stack.payments.ledger import Document
from local_stack.payments.parameters import BillingDetails, CardDetails, CreatePaymentMethod

_EXPIRES = (12, 2034)


class PaymentMethods:
    """Cards to pay with. The number itself goes no further than `create`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def create(self, parameters: CreatePaymentMethod) -> Document:
        """A payment method for the test card with this number."""
        details = parameters.card
        name = self._check(details)
        expires = details.exp_month, card_numbers.full_year(details.exp_year)
        checked = "unchecked" if details.cvc is not None else None
        return self._book.add(
            "pm",
            "payment_method",
            **_fields(name, expires, checked, parameters.billing_details),
            metadata=parameters.metadata,
        )

    def get(self, identifier: str) -> Document | None:
        """The payment method of an id, made or documented."""
        if known := cards.find(identifier):
            shared = {"id": identifier, "object": "payment_method", "created": self._book.now()}
            shared |= {"livemode": False, "metadata": {}}
            return shared | _fields(known[0], _EXPIRES, None, BillingDetails())
        return self._book.ledger.get("payment_method", identifier)

    def card(self, identifier: str | None) -> Card | None:
        """The card that a parameter names.

        Raises:
            StripeError: 400, there is no such payment method.
        """
        if identifier is None:
            return None
        if known := cards.find(identifier):
            return known[1]
        document = self._book.ledger.get("payment_method", identifier)
        if not document:
            raise errors.no_such("PaymentMethod", identifier, param="payment_method")
        return cards.of_fingerprint(document["card"]["fingerprint"])

    def _check(self, details: CardDetails) -> str:
        name = card_numbers.name_of(details.number.get_secret_value())
        if isinstance(name, Decline):
            raise errors.declined(name)
        now = self._book.now()
        wrong = card_numbers.check_expiry(details.exp_month, details.exp_year, now)
        if not wrong and details.cvc is not None:
            brand = cards.named(name).brand
            wrong = card_numbers.check_cvc(details.cvc.get_secret_value(), brand)
        if wrong:
            raise errors.declined(wrong)
        return name


def _fields(
    name: str, expires: tuple[int, int], cvc_check: str | None, billing: BillingDetails
) -> Document:
    card = cards.named(name)
    checks = {"address_line1_check": None, "address_postal_code_check": None}
    return {
        "type": "card",
        "billing_details": billing.model_dump(),
        "customer": None,
        "card": {
            "brand": card.brand,
            "checks": checks | {"cvc_check": cvc_check},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": expires[0],
            "exp_year": expires[1],
            "fingerprint": cards.fingerprint(name),
            "funding": "credit",
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": card.brand != "amex"},
            "wallet": None,
        },
    }
