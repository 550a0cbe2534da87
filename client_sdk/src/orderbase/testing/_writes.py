"""What people may write of the fake shop's tables: profile, preferences, and address book."""

from collections.abc import Callable
from typing import NamedTuple

from orderbase._http import Response
from orderbase.testing._basket import check_address, is_text
from orderbase.testing._caller import Caller
from orderbase.testing._queries import Query, show
from orderbase.testing._received import Received, answer
from orderbase.testing._refusals import refuse, rest_refusal, unknown
from orderbase.testing._relations import reader
from orderbase.testing._store import Row, Store

_MAX_ADDRESSES = 50


class _Rules(NamedTuple):
    insert: frozenset[str]
    update: frozenset[str]
    check: Callable[[Row], None]


class Writes:
    """Inserts, updates and deletes rows of the caller's own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, caller: Caller, table: str, request: Received) -> Response:
        """The answer to a request that writes.

        Raises:
            Refusal: the table or a column of it is not the caller's to write.
        """
        rules = _TABLES.get(table)
        if rules is None:
            raise unknown(f"how {request.method} writes {table}")
        if caller.role != "authenticated":
            raise rest_refusal(401, "42501", f"permission denied for table {table}")
        query = Query.of(request.query)
        if request.method == "POST" and rules.insert:
            written = self._insert(caller, rules, request)
        elif request.method == "PATCH":
            written = self._update(self._own(caller, table, query), rules, request.body())
        elif request.method == "DELETE" and rules.insert:
            written = self._delete(table, self._own(caller, table, query))
        else:
            raise unknown(f"how {request.method} writes {table}")
        return self._answer(caller, table, query, written, request)

    def set_default_address(self, caller: Caller, arguments: Row) -> Row:
        """The address that is the default from now on.

        Raises:
            Refusal: it is not the caller's.
        """
        wanted = arguments.get("address_id")
        chosen = self._store.find("addresses", id=wanted, user_id=caller.user_id)
        if chosen is None:
            raise refuse(404, "address_not_found", "There is no such address.")
        self._no_default(chosen["user_id"])
        chosen["is_default"] = True
        self._store.touch(chosen)
        return chosen

    def _insert(self, caller: Caller, rules: _Rules, request: Received) -> list[Row]:
        """All or none."""
        if "resolution=" in request.headers.get("prefer", ""):
            raise unknown("what becomes of rows that are there already")
        given = request.rows()
        mine = [*self._store.rows("addresses", user_id=caller.user_id)]
        if len(mine) + len(given) > _MAX_ADDRESSES:
            message = "An address book has room for 50 addresses."
            raise refuse(409, "too_many_addresses", message)
        rows = [{"label": "", "is_default": False, **row} for row in given]
        for row, said in zip(rows, given, strict=True):
            _check_columns(said, rules.insert)
            rules.check(row)
        return [self._keep(caller, row) for row in rows]

    def _keep(self, caller: Caller, row: Row) -> Row:
        if row["is_default"]:
            self._no_default(caller.user_id)
        kept = {**self._store.born(), "user_id": caller.user_id, **row}
        return self._store.insert("addresses", kept)

    def _update(self, rows: list[Row], rules: _Rules, changes: Row) -> list[Row]:
        _check_columns(changes, rules.update)
        for row in rows:
            changed = {**row, **changes}
            rules.check(changed)
            row.update(changed)
            self._store.touch(row)
        return rows

    def _delete(self, table: str, rows: list[Row]) -> list[Row]:
        for row in rows:
            self._store.remove(table, row)
        return rows

    def _own(self, caller: Caller, table: str, query: Query) -> list[Row]:
        return query.matching(self._store.rows(table, user_id=caller.user_id))

    def _no_default(self, user_id: str | None) -> None:
        for row in self._store.rows("addresses", user_id=user_id, is_default=True):
            row["is_default"] = False

    def _answer(
        self, caller: Caller, table: str, query: Query, rows: list[Row], request: Received
    ) -> Response:
        created = request.method == "POST"
        if "return=representation" not in request.headers.get("prefer", ""):
            return Response(201 if created else 204)
        read = reader(self._store, caller)
        shown = [show(read, table, row, query) for row in rows]
        return answer(shown, 201 if created else 200)


def _check_columns(given: Row, allowed: frozenset[str]) -> None:
    if given.keys() - allowed:
        raise rest_refusal(403, "42501", "permission denied for a column")


def _check_profile(row: Row) -> None:
    if len(row["display_name"]) > 200:
        raise rest_refusal(400, "23514", 'violates check constraint "profiles_display_name_check"')


def _check_preferences(row: Row) -> None:
    if not isinstance(row["newsletter"], bool) or not isinstance(row["notifications"], bool):
        raise rest_refusal(400, "22P02", "invalid input syntax for type boolean")


def _check_saved_address(row: Row) -> None:
    row["address"] = check_address(row.get("address"))
    if not is_text(row["label"], 0, 100):
        raise refuse(422, "invalid_label", "A label is a line of at most 100 characters.")


_NOTHING = frozenset[str]()
_TABLES = {
    "profiles": _Rules(_NOTHING, frozenset({"display_name"}), _check_profile),
    "preferences": _Rules(_NOTHING, frozenset({"newsletter", "notifications"}), _check_preferences),
    "addresses": _Rules(
        frozenset({"label", "address", "is_default"}),
        frozenset({"label", "address"}),
        _check_saved_address,
    ),
}
