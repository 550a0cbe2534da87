"""One tree of errors, one table of codes."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from orderbase import errors
from orderbase._answers import from_response
from orderbase.errors import CLIENT_CODES, CODES, SHOP_CODES, WEBHOOK_CODES, OrderbaseError
from tests.sdk.said_codes import said_codes

MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"
_REFUSAL = re.compile(r"private\.refuse\(\s*(\d{3}),\s*(case .*? end|'\w+')", re.DOTALL)


def _refusals() -> dict[str, int]:
    """Every code with which the database refuses, and its status."""
    found: dict[str, int] = {}
    for path in MIGRATIONS.glob("*.sql"):
        for status, code in _REFUSAL.findall(path.read_text("utf-8")):
            found.update(dict.fromkeys(re.findall(r"'(\w+)'", code), int(status)))
    return found


def _answer(status: int, body: object, **headers: str) -> OrderbaseError:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_response(status, json.dumps(body).encode(), names)


def test_every_refusal_of_the_database_has_a_class() -> None:
    refusals = _refusals()
    assert {"insufficient_stock", "empty_basket", "too_many_items"} <= set(refusals)
    assert set(refusals) <= set(SHOP_CODES)


@pytest.mark.parametrize(("code", "status"), sorted(_refusals().items()))
def test_the_class_of_a_refusal_fits_its_status(code: str, status: int) -> None:
    refusal = _answer(
        status, {"code": f"PT{status}", "details": code, "message": "No.", "hint": ""}
    )
    by_status = _answer(status, {})
    assert type(refusal) is CODES[code]
    assert refusal.code == code
    assert isinstance(refusal, type(by_status)) or code == "idempotency_key_reused"


def test_a_database_that_went_away_may_come_back() -> None:
    lost = _answer(400, {"code": "", "details": None, "hint": None, "message": ""})
    assert isinstance(lost, errors.ConnectionFailed)
    assert lost.may_pass


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("403", "PermissionDenied"),
        ("404", "NotFound"),
        ("409", "Conflict"),
        ("x", "InvalidRequest"),
    ],
)
def test_storage_says_the_status_in_the_body(said: str, name: str) -> None:
    refusal = _answer(400, {"statusCode": said, "error": "Duplicate", "message": "It is there."})
    assert type(refusal).__name__ == name
    assert refusal.message == "It is there."


def test_the_table_lists_no_code_that_the_database_never_says() -> None:
    assert set(SHOP_CODES) == set(_refusals())


def test_the_tables_have_every_code_of_the_client_and_its_error() -> None:
    said = said_codes()
    assert {code: error for error, code in said if code not in CODES} == {}
    assert [one for one in said if CODES[one.code].__name__ != one.error] == []


def test_the_tables_list_no_code_that_the_client_never_says() -> None:
    said = {code for _, code in said_codes()} | {"not_faked"}
    assert {*CLIENT_CODES, *WEBHOOK_CODES} - said == set()


@pytest.mark.parametrize(
    ("status", "code", "message", "ours"),
    [
        (401, "42501", "permission denied for function place_order", "sign_in_required"),
        (401, "PGRST303", "JWT expired", "session_expired"),
        (401, "PGRST301", "JWT expired", "session_expired"),  # of PostgREST before 13
        (401, "PGRST303", "JWT not in audience", "bad_jwt"),
        (401, "PGRST301", "None of the keys was able to decode the JWT", "bad_jwt"),
    ],
)
def test_what_postgrest_says_of_the_caller_has_codes_of_ours(
    status: int, code: str, message: str, ours: str
) -> None:
    error = _answer(status, {"code": code, "message": message, "hint": None})
    assert type(error) is errors.AuthError
    assert (error.status, error.code) == (status, ours)
    assert error.context == {"code": code, "message": message}
    assert message not in error.message


def test_a_grant_that_somebody_lacks_is_not_about_signing_in() -> None:
    error = _answer(403, {"code": "42501", "message": "permission denied for table x"})
    assert type(error) is errors.PermissionDenied
    assert (error.code, error.context) == ("42501", {})


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "InvalidRequest"), (401, "AuthError"), (403, "PermissionDenied"), (404, "NotFound"),
        (405, "InvalidRequest"), (409, "Conflict"), (422, "InvalidRequest"), (429, "RateLimited"),
        (500, "ServerError"), (503, "ServerError"), (504, "TimedOut"),
    ],
)  # fmt: skip
def test_without_a_known_code_the_status_decides(status: int, name: str) -> None:
    error = _answer(status, {"code": "XX000", "message": "Oh."})
    assert type(error).__name__ == name
    assert (error.status, error.code, error.message) == (status, "XX000", "Oh.")


def test_out_of_stock_says_what_is_short() -> None:
    short = {
        "product_id": "00000000-0000-4000-8000-000000000001",
        "name": "Cup",
        "requested": 3,
        "available": 1,
    }
    body = {
        "code": "PT409",
        "details": "insufficient_stock",
        "message": "Not enough in stock.",
        "hint": json.dumps({"products": [short]}),
    }
    error = _answer(409, body, sb_request_id="r-1")
    assert isinstance(error, errors.OutOfStock)
    assert [(s.name, s.requested, s.available) for s in error.products] == [("Cup", 3, 1)]
    assert error.request_id == "r-1"
    assert str(error) == ("Not enough in stock. (code insufficient_stock, status 409, request r-1)")


def test_a_broken_hint_leaves_the_refusal_whole() -> None:
    body = {"code": "PT409", "details": "insufficient_stock", "message": "No.", "hint": "{"}
    error = _answer(409, body)
    assert isinstance(error, errors.OutOfStock)
    assert (error.products, error.context) == ((), {})


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("soon", None), ("-1", None)]
)
def test_retry_after_is_seconds_or_nothing(header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"retry_after": header}
    error = _answer(429, {"error_code": "over_request_rate_limit", "msg": "Slow."}, **headers)
    assert isinstance(error, errors.RateLimited)
    assert (error.retry_after, error.message) == (seconds, "Slow.")


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("Fri, 27 Nov 2026 12:00:07 GMT", 7.0),
        ("Fri, 27 Nov 2026 11:59:00 GMT", 0.0),
        ("Fri, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_a_date_to_retry_after_is_by_the_clock_of_who_said_it(
    until: str, seconds: float | None
) -> None:
    error = _answer(503, {}, retry_after=until, date="Fri, 27 Nov 2026 12:00:00 GMT")
    assert error.retry_after == seconds


def test_a_date_to_retry_after_is_by_our_clock_where_there_is_no_other() -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    waits = _answer(503, {}, retry_after=format_datetime(until, usegmt=True)).retry_after
    assert waits
    assert 200 < waits <= 300


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[1]", b"\xff", b'{"message": 1}', b"[" * 100_000]
)
def test_any_answer_becomes_an_error(content: bytes) -> None:
    error = from_response(502, content, {})
    assert type(error) is errors.ServerError
    assert error.may_pass
    assert "502" in error.message


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__))
    assert drawn == {kind.__name__ for kind in _descendants(OrderbaseError)}


def _descendants(kind: type[OrderbaseError]) -> set[type[OrderbaseError]]:
    children = kind.__subclasses__()
    return set(children).union(*(_descendants(child) for child in children))
