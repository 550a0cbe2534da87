"""Accounts of others: what staff may do is what the database says at this moment."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.locks import wait_for_a_lock

UNKNOWN = uuid.uuid4()


@pytest.fixture
def staff(new_user: Callable[..., Caller]) -> Caller:
    """Somebody who works here."""
    return new_user("staff")


def calls(person: uuid.UUID) -> list[tuple[str, dict[str, object]]]:
    product = {"slug": uuid.uuid4().hex, "name": "Cup", "price": 1, "currency": "EUR"}
    return [
        ("list_users", {}),
        ("get_user", {"user_id": person}),
        ("edit_user", {"user_id": person, "display_name": "Eve"}),
        ("end_sessions", {"user_id": person}),
        ("create_product", {"product": product}),
    ]


def assert_refused(caller: Caller, person: uuid.UUID, status: int, code: str) -> None:
    for verb, arguments in calls(person):
        with pytest.raises(RefusedError) as refused:
            caller.call(verb, **arguments)
        assert (refused.value.status, refused.value.code) == (status, code), verb


def test_a_token_alone_does_not_make_staff(
    new_user: Callable[..., Caller], staff: Caller, auth_admin: psycopg.Connection[Row]
) -> None:
    shopper = new_user()
    assert_refused(shopper, staff.id, 403, "staff_only")
    fired = new_user("staff")
    auth_admin.execute("update auth.users set raw_app_meta_data = '{}' where id = %s", (fired.id,))
    assert_refused(fired, shopper.id, 403, "staff_only")
    for verb, arguments in calls(shopper.id):
        staff.call(verb, **arguments)
    until = "update auth.users set banned_until = {} where id = %s"
    auth_admin.execute(until.format("now() + interval '1 day'").encode(), (staff.id,))
    assert_refused(staff, shopper.id, 403, "staff_only")
    auth_admin.execute(until.format("now() - interval '1 day'").encode(), (staff.id,))
    staff.call("get_user", user_id=shopper.id)


def test_who_has_signed_out_is_no_staff(staff: Caller, shopper: Caller) -> None:
    staff.claims["session_id"] = str(uuid.uuid4())
    assert_refused(staff, shopper.id, 401, "sign_in_required")


def test_the_shop_itself_may(engine: Caller, shopper: Caller) -> None:
    for verb, arguments in calls(shopper.id):
        engine.call(verb, **arguments)


def test_an_edit_makes_a_version(staff: Caller, shopper: Caller) -> None:
    [seen] = staff.call("get_user", user_id=shopper.id)
    edit = {"user_id": shopper.id, "display_name": "Ada", "versions": f"{{{seen['version']}}}"}
    [edited] = staff.call("edit_user", **edit)
    assert (edited["display_name"], edited["version"] == seen["version"]) == ("Ada", False)
    with pytest.raises(RefusedError, match="has changed") as stale:
        staff.call("edit_user", **edit)
    assert (stale.value.status, stale.value.code) == (412, "precondition_failed")
    [touched] = staff.call("edit_user", user_id=shopper.id, versions=f"{{{edited['version']}}}")
    assert (touched["display_name"], touched["version"] == edited["version"]) == ("Ada", False)


def test_what_is_wrong_is_refused(staff: Caller, shopper: Caller) -> None:
    for verb, arguments, code in (
        ("edit_user", {"user_id": shopper.id, "display_name": "x" * 201}, "invalid_display_name"),
        ("list_users", {"max_rows": 0}, "invalid_max_rows"),
        ("list_users", {"max_rows": 1001}, "invalid_max_rows"),
        ("list_users", {"max_rows": None}, "invalid_max_rows"),
        ("get_user", {"user_id": UNKNOWN}, "user_not_found"),
        ("edit_user", {"user_id": UNKNOWN}, "user_not_found"),
        ("end_sessions", {"user_id": UNKNOWN}, "user_not_found"),
        ("end_sessions", {"user_id": staff.id}, "own_account"),
    ):
        with pytest.raises(RefusedError) as refused:
            staff.call(verb, **arguments)
        assert refused.value.code == code


def test_an_account_that_is_gone_is_not_shown(
    staff: Caller, shopper: Caller, auth_admin: psycopg.Connection[Row]
) -> None:
    auth_admin.execute("update auth.users set deleted_at = now() where id = %s", (shopper.id,))
    with pytest.raises(RefusedError, match="no such user"):
        staff.call("get_user", user_id=shopper.id)
    assert shopper.id not in [row["id"] for row in staff.call("list_users")]


def test_of_two_who_edit_the_same_version_the_later_one_is_refused(
    staff: Caller, shopper: Caller, owner: psycopg.Connection[Row]
) -> None:
    [seen] = staff.call("get_user", user_id=shopper.id)
    edit = "select version from public.edit_user(%s, %s, array[%s])"

    def later() -> None:
        staff.query(edit, shopper.id, "Eve", seen["version"])

    with ThreadPoolExecutor(1) as pool:
        with staff.connection() as first:
            first.execute(edit.encode(), (shopper.id, "Ada", seen["version"]))
            waiting = pool.submit(later)
            wait_for_a_lock(owner)
        with pytest.raises(psycopg.Error, match="has changed since you looked"):
            waiting.result(10)
