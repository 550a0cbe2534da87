"""REST of the fake shop: tables under row security, and verbs."""

from collections.abc import Callable
from typing import TypeAlias

from orderbase._http import Response
from orderbase.testing._caller import Caller
from orderbase.testing._queries import Query, show
from orderbase.testing._received import Received, answer
from orderbase.testing._refusals import rest_refusal, sign_in_required, unknown
from orderbase.testing._relations import reader
from orderbase.testing._store import Row, Store
from orderbase.testing._writes import Writes

Verb: TypeAlias = Callable[[Caller, Row], object]
"""Given the caller and the arguments, the result."""

ARGUMENTS = {
    "cancel_order": {"order_id"},
    "deliver_order": {"order_id"},
    "fail_shipping": {"order_id", "code", "message"},
    "order_feed": {"after", "max_rows"},
    "order_feed_head": set[str](),
    "place_order": {
        *("items", "shipping_address", "payment_method", "idempotency_key"),
        *("currency", "expected_total", "email", "quote"),
    },
    "quote_order": {"items", "country"},
    "refund_order": {"order_id", "reason", "idempotency_key", "amount", "currency"},
    "set_default_address": {"address_id"},
    "ship_order": {"order_id", "carrier", "tracking_number"},
}
"""What each verb that the fake has may be given."""

_PROFILES = ("accept-profile", "content-profile")
_FOR_READERS = frozenset({"order_feed", "order_feed_head"})
_FOR_PEOPLE = frozenset({"cancel_order", "place_order", "quote_order", "set_default_address"})


class Rest:
    """Answers `/rest/v1/`."""

    def __init__(
        self, store: Store, writes: Writes, verbs: dict[str, Verb], begin: Callable[[Caller], None]
    ) -> None:
        """`begin`: called before each verb."""
        self._store = store
        self._writes = writes
        self._verbs = verbs
        self._begin = begin

    def answer(self, caller: Caller, request: Received) -> Response:
        """The answer to a request.

        Raises:
            Refusal: what REST refuses, or the fake does not know.
        """
        _check_headers(request)
        path = request.path.removeprefix("/rest/v1/")
        if path.startswith("rpc/"):
            return answer(self._run(caller, path.removeprefix("rpc/"), request))
        if request.method in ("GET", "HEAD"):
            return self._read(caller, path, request)
        return self._writes.answer(caller, path, request)

    def _run(self, caller: Caller, name: str, request: Received) -> object:
        verb = self._verbs.get(name)
        if verb is None or request.method != "POST" or request.query:
            raise unknown(f"the verb {name} by {request.method}, or a query of its result")
        arguments = request.body()
        if further := arguments.keys() - ARGUMENTS[name]:
            raise unknown(f"the argument {min(further)} of {name}")
        if caller.role == "anon":
            raise rest_refusal(401, "42501", f"permission denied for function {name}")
        nobody = caller.session_is_over or (caller.user_id is None and name in _FOR_PEOPLE)
        if nobody and name not in _FOR_READERS:
            raise sign_in_required()
        self._begin(caller)
        return verb(caller, arguments)

    def _read(self, caller: Caller, table: str, request: Received) -> Response:
        query = Query.of(request.query)
        read = reader(self._store, caller)
        shown = [show(read, table, row, query) for row in query.matching(read(table))]
        found = [row for row in shown if row is not None]
        page = query.page(found)
        return answer(page, headers={"content-range": _range(query, page, found, request)})


def _range(query: Query, page: object, found: list[Row], request: Received) -> str:
    length = len(query.page(found))
    places = f"{query.offset}-{query.offset + length - 1}" if page else "*"
    total = len(found) if "count=exact" in request.headers.get("prefer", "") else "*"
    return f"{places}/{total}"


def _check_headers(request: Received) -> None:
    headers = request.headers
    others = [headers[name] for name in _PROFILES if headers.get(name, "public") != "public"]
    if others or "range" in headers or "vnd.pgrst" in headers.get("accept", ""):
        raise unknown("how to answer in this form, or from another schema")
