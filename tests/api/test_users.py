"""Accounts of others, as staff see and edit them."""

import json
import uuid

import aiohttp
import pytest

from tests.api.calling import Json, Person, if_match, order_of
from tests.api.conftest import PASSWORD, NewPerson, sign_in
from tests.api.gateway import behind_gateway
from tests.conftest import Stack
from tests.products import product_maker


def new_email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def test_staff_see_who_is_there(staff: Person, new_person: NewPerson) -> None:
    person = await new_person()
    shown = await staff.get(f"/users/{person.id}")
    assert shown.headers["ETag"] == f'"{shown.body["version"]}"'
    assert shown.body == {
        "id": str(person.id),
        "email": person.email,
        "displayName": "",
        "role": None,
        "isGuest": False,
        "deactivated": False,
        "preferences": {"newsletter": False, "notifications": True},
        "createdAt": shown.body["createdAt"],
        "version": shown.body["version"],
    }
    assert (await staff.get(f"/users/{staff.id}")).body["role"] == "staff"
    guest = await new_person(guest=True)
    seen = (await staff.get(f"/users/{guest.id}")).body
    assert (seen["email"], seen["isGuest"]) == ("", True)


async def test_accounts_come_in_pages_the_newest_first(
    staff: Person, new_person: NewPerson
) -> None:
    made = [str((await new_person()).id) for _ in range(3)]
    first = (await staff.get("/users?limit=2")).body
    second = (await staff.get(f"/users?limit=2&cursor={first['nextCursor']}")).body
    seen = [one["id"] for one in first["data"] + second["data"]]
    assert seen[:3] == made[::-1]
    assert len(set(seen)) == 4


async def test_accounts_are_found_by_their_address(staff: Person, new_person: NewPerson) -> None:
    person = await new_person()
    for prefix in (person.email, person.email[:20].upper()):
        found = (await staff.get(f"/users?email={prefix}")).body["data"]
        assert [one["id"] for one in found] == [str(person.id)]
    for none in ("%25", "_", f"x{person.email}"):
        assert (await staff.get(f"/users?email={none}")).body["data"] == []


async def test_staff_open_an_account(stack: Stack, staff: Person) -> None:
    email = new_email()
    body = {"email": email, "password": PASSWORD, "displayName": "Ada", "role": "staff"}
    made = await staff.post("/users", body)
    assert made.status == 201
    assert (made.body["email"], made.body["displayName"]) == (email, "Ada")
    assert (await staff.get(made.headers["Location"])).body == made.body
    colleague = Person(staff.client, await sign_in(stack, email))
    assert (await colleague.get("/users?limit=1")).status == 200
    again = await staff.post("/users", body)
    assert again.refusal == (409, "email_exists")


async def test_an_account_needs_no_password(stack: Stack, staff: Person) -> None:
    email = new_email()
    assert (await staff.post("/users", {"email": email})).body["role"] is None
    for guess in ("", " ", "null", "None"):
        with pytest.raises(aiohttp.ClientResponseError):
            await sign_in(stack, email, guess)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nonsense"}, {"email": ""}, {"email": None},
        {"email": f"{'x' * 260}@example.com"},
        {"email": "a@example.com\nBcc: b@example.com"}, {"email": "a\x00@example.com"},
        {"password": "short"}, {"password": "x" * 73}, {"role": "admin"}, {"role": "service_role"},
        {"displayName": "x" * 201}, {"displayName": "a\x00"}, {"app_metadata": {"role": "staff"}},
        {"id": "11111111-1111-4111-8111-111111111111"}, {"isGuest": True}, {"emailConfirm": False},
    ],
)  # fmt: skip
async def test_a_wrong_account_is_refused(staff: Person, wrong: Json) -> None:
    reply = await staff.post("/users", {"email": new_email(), "password": PASSWORD} | wrong)
    assert reply.refusal == (422, "invalid_request")
    assert PASSWORD not in str(reply.body)


async def test_a_password_that_is_too_long_in_bytes_is_refused(staff: Person) -> None:
    reply = await staff.post("/users", {"email": new_email(), "password": "ü" * 72})
    assert reply.status == 422


async def test_an_edit_names_the_version_that_was_seen(
    staff: Person, new_person: NewPerson
) -> None:
    person = await new_person()
    path = f"/users/{person.id}"
    seen = await staff.get(path)
    nameless = await staff.patch(path, {"displayName": "Ada"})
    assert nameless.refusal == (428, "precondition_required")
    edited = await staff.patch(path, {"displayName": "Ada"}, headers=if_match(seen))
    assert edited.body["displayName"] == "Ada"
    assert edited.headers["ETag"] == (await staff.get(path)).headers["ETag"]
    for change in ({"displayName": "Eve"}, {"email": new_email()}, {"role": "staff"}):
        late = await staff.patch(path, change, headers=if_match(seen))
        assert late.refusal == (412, "precondition_failed")
    after = (await staff.get(path)).body
    assert (after["displayName"], after["email"], after["role"]) == ("Ada", person.email, None)


async def test_what_the_owner_changes_is_an_edit_too(staff: Person, new_person: NewPerson) -> None:
    person = await new_person()
    path = f"/users/{person.id}"
    for mine, change in (("/me", {"displayName": "x"}), ("/me/preferences", {"newsletter": True})):
        seen = await staff.get(path)
        await person.patch(mine, change)
        late = await staff.patch(path, {"displayName": "Eve"}, headers=if_match(seen))
        assert late.refusal == (412, "precondition_failed")


async def test_a_sign_in_is_no_edit(stack: Stack, staff: Person, new_person: NewPerson) -> None:
    person = await new_person()
    path = f"/users/{person.id}"
    seen = await staff.get(path)
    await sign_in(stack, person.email)
    assert (await staff.patch(path, {"displayName": "A"}, headers=if_match(seen))).status == 200


async def test_address_and_role_are_changed_in_auth(
    stack: Stack, staff: Person, new_person: NewPerson
) -> None:
    person, email = await new_person(), new_email()
    path = f"/users/{person.id}"
    changes = {"email": email, "role": "staff", "displayName": "Ada"}
    edited = await staff.patch(path, changes, headers=if_match(await staff.get(path)))
    assert changes.items() <= edited.body.items()
    hired = Person(staff.client, await sign_in(stack, email))
    assert (await hired.get("/users?limit=1")).status == 200
    fired = await staff.patch(path, {"role": None}, headers=if_match(edited))
    assert (fired.body["role"], fired.body["email"]) == (None, email)
    # The old token still says `staff`; the database knows better.
    assert (await hired.get("/users?limit=1")).refusal == (403, "staff_only")
    never = new_email()
    assert (await hired.post("/users", {"email": never})).refusal == (403, "staff_only")
    assert (await staff.get(f"/users?email={never}")).body["data"] == []
    taken = await staff.patch(path, {"email": staff.email}, headers=if_match(fired))
    assert taken.refusal == (409, "email_exists")


async def test_who_is_deactivated_is_out_at_once(
    stack: Stack, staff: Person, new_person: NewPerson
) -> None:
    person = await new_person()
    product = product_maker(stack.settings)()
    path = f"/users/{person.id}"
    for _ in range(2):
        out = await staff.post(f"{path}/deactivate")
        assert (out.status, out.body["deactivated"]) == (200, True)
    refused = await person.post("/orders", order_of(product))
    assert refused.refusal == (401, "sign_in_required")
    with pytest.raises(aiohttp.ClientResponseError):
        await sign_in(stack, person.email)
    for _ in range(2):
        back = await staff.post(f"{path}/reactivate")
        assert (back.status, back.body["deactivated"]) == (200, False)
    again = Person(person.client, await sign_in(stack, person.email))
    assert (await again.post("/orders", order_of(product))).status == 201


async def test_a_colleague_who_is_deactivated_does_nothing_more(
    staff: Person, new_person: NewPerson
) -> None:
    colleague = await new_person("staff")
    assert (await staff.post(f"/users/{colleague.id}/deactivate")).status == 200
    assert (await colleague.get("/users")).refusal == (401, "sign_in_required")
    assert (await colleague.post(f"/users/{staff.id}/deactivate")).status == 401
    assert (await staff.get("/users?limit=1")).status == 200


async def test_nobody_locks_themselves_out(staff: Person) -> None:
    path = f"/users/{staff.id}"
    own = (409, "own_account")
    assert (await staff.post(f"{path}/deactivate")).refusal == own
    fired = await staff.patch(path, {"role": None}, headers={"If-Match": "*"})
    assert fired.refusal == own
    assert (await staff.get(path)).body["role"] == "staff"


async def test_a_taken_address_is_one_however_auth_says_so(
    stack: Stack, staff: Person, new_person: NewPerson
) -> None:
    path = f"/users/{(await new_person()).id}"
    said = {"code": "23505", "message": "duplicate key value violates unique constraint"}
    async with behind_gateway(stack) as (gateway, client):
        gateway.faults["/auth/v1/admin"] = (500, json.dumps(said))
        person = Person(client, staff.token)
        taken = await person.patch(path, {"email": staff.email}, headers={"If-Match": "*"})
        assert taken.refusal == (409, "email_exists")
