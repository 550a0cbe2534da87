"""The caller's own profile and preferences."""

import pytest

from tests.api.calling import Json, Person
from tests.api.conftest import NewPerson


async def test_i_am_who_i_signed_in_as(new_person: NewPerson, staff: Person) -> None:
    shopper = await new_person()
    me = (await shopper.get("/me")).body
    assert (me["id"], me["email"]) == (str(shopper.id), shopper.email)
    assert (me["isGuest"], me["isStaff"], me["displayName"]) == (False, False, "")
    assert (await staff.get("/me")).body["isStaff"] is True


async def test_a_guest_is_somebody_too(new_person: NewPerson) -> None:
    guest = await new_person(guest=True)
    me = (await guest.get("/me")).body
    assert (me["id"], me["email"], me["isGuest"]) == (str(guest.id), None, True)


async def test_i_choose_my_name(new_person: NewPerson) -> None:
    me, other = await new_person(), await new_person()
    changed = await me.patch("/me", {"displayName": "Ada 🦋"})
    assert (changed.status, changed.body["displayName"]) == (200, "Ada 🦋")
    assert (await me.get("/me")).body == changed.body
    assert (await other.get("/me")).body["displayName"] == ""


async def test_i_choose_which_mails_i_get(new_person: NewPerson) -> None:
    me = await new_person()
    path = "/me/preferences"
    assert (await me.get(path)).body == {"newsletter": False, "notifications": True}
    changed = await me.patch(path, {"newsletter": True})
    assert changed.body == {"newsletter": True, "notifications": True}
    changed = await me.patch(path, {"notifications": False})
    assert changed.body == {"newsletter": True, "notifications": False}
    assert (await me.get(path)).body == changed.body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": None},
        {"displayName": "x" * 201},
        {"displayName": "a\x00b"},
        {"displayName": "a\nb"},
        {"displayName": "\u202eabc"},
        {"displayName": 7},
        {"displayName": "Ada", "isStaff": True},
        {"id": "11111111-1111-4111-8111-111111111111"},
        {"app_metadata": {"role": "staff"}},
        {"createdAt": "2020-01-01T00:00:00Z"},
        [],
        None,
        "Ada",
    ],
)
async def test_nothing_else_of_me_can_be_changed(shopper: Person, body: Json) -> None:
    before = (await shopper.get("/me")).body
    reply = await shopper.ask("PATCH", "/me", data="null" if body is None else None, body=body)
    assert reply.refusal == (422, "invalid_request")
    assert (await shopper.get("/me")).body == before


async def test_a_field_that_is_wrong_is_named(shopper: Person) -> None:
    reply = await shopper.patch("/me/preferences", {"newsletter": "perhaps", "spam": True})
    assert {error["at"] for error in reply.body["errors"]} == {"body.newsletter", "body.spam"}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("path", ["/me", "/me/preferences"])
async def test_nobody_is_asked_to_sign_in(nobody: Person, method: str, path: str) -> None:
    body = {"displayName": "x"} if path == "/me" else {"newsletter": True}
    reply = await nobody.ask(method, path, body if method == "PATCH" else None)
    assert reply.refusal == (401, "sign_in_required")
