"""Reading the ledger as Stripe's API shows it: one object, lists, search, expansion."""

import re
from itertools import islice

from local_stack.payments import errors
from local_stack.payments.ledger import LAST, Document, Ledger
from local_stack.payments.parameters import EXPANDABLE, Listing, ListingOfIntent, Parameters, Search
from local_stack.payments.payment_methods import PaymentMethods

_CLAUSE = re.compile(
    r"""(?:metadata\[(?P<m>["'])(?P<name>.+?)(?P=m)\]|(?P<field>\w+)):(?P<q>["'])(?P<value>.*?)(?P=q)"""
)
_AND = re.compile(r"\s+AND\s+", re.IGNORECASE)
_FIELDS = ("status", "currency")


class Lookup:
    """Read-only questions to the ledger."""

    def __init__(self, ledger: Ledger, methods: PaymentMethods) -> None:
        self._ledger = ledger
        self._methods = methods

    def one(self, kind: str, identifier: str, parameters: Parameters) -> Document:
        document = self._get(kind, identifier)
        if not document:
            param = "intent" if kind == "payment_intent" else "id"
            raise errors.no_such(kind, identifier, param=param, status=404)
        return self.expand(document, parameters.expand)

    def listing(self, kind: str, url: str, parameters: Listing) -> Document:
        """A page, newest first."""
        intent = parameters.payment_intent if isinstance(parameters, ListingOfIntent) else None
        found = self._ledger.page(
            kind,
            limit=parameters.limit + 1,
            before=self._start(kind, parameters.starting_after),
            payment_intent=intent,
            created=parameters.created.bounds(),
        )
        page = {"object": "list", "url": url, "has_more": len(found) > parameters.limit}
        return self._expand_page(page, found[: parameters.limit], parameters)

    def search(self, parameters: Search) -> Document:
        """Payment intents by metadata, status and currency, joined by AND."""
        wanted = _parse_query(parameters.query)
        metadata = next(((name, value) for name, value, is_meta in wanted if is_meta), None)
        matches = (
            (sequence, intent)
            for sequence, intent in self._ledger.intents(metadata, parameters.page or LAST)
            if all((intent["metadata"] if m else intent).get(n) == v for n, v, m in wanted)
        )
        found = list(islice(matches, parameters.limit + 1))
        has_more = len(found) > parameters.limit
        page = {
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "has_more": has_more,
            "next_page": str(found[parameters.limit - 1][0]) if has_more else None,
        }
        return self._expand_page(page, [i for _, i in found[: parameters.limit]], parameters)

    def expand(self, document: Document, names: list[str]) -> Document:
        """Replace ids by their objects, where the document has them."""
        ids = {name: document[name] for name in names if document.get(name)}
        return document | {n: self._get(EXPANDABLE[n], i) for n, i in ids.items()}

    def _get(self, kind: str, identifier: str) -> Document | None:
        if kind == "payment_method":
            return self._methods.get(identifier)
        return self._ledger.get(kind, identifier)

    def _expand_page(
        self, page: Document, found: list[Document], parameters: Parameters
    ) -> Document:
        return page | {"data": [self.expand(document, parameters.expand) for document in found]}

    def _start(self, kind: str, identifier: str | None) -> int:
        if identifier is None:
            return LAST
        sequence = self._ledger.sequence(kind, identifier)
        if sequence is None:
            raise errors.no_such(kind, identifier, param="starting_after")
        return sequence


def _parse_query(query: str) -> list[tuple[str, str, bool]]:
    """Triples of name, value, and whether the name is one of the metadata."""
    wanted = []
    for clause in _AND.split(query.strip()):
        match = _CLAUSE.fullmatch(clause)
        if not match:
            raise errors.invalid("We were unable to parse your search query.", param="query")
        if match["field"] and match["field"] not in _FIELDS:
            raise errors.invalid(
                f"Field `{match['field'][:100]}` is an unsupported search field "
                "for resource `payment_intents`."
            )
        wanted.append((match["name"] or match["field"], match["value"], not match["field"]))
    return wanted
