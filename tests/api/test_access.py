"""Who reaches what: others' things look as if they were not there, and staff's are for staff."""

from collections.abc import Callable

import pytest

from tests.api.calling import UNKNOWN, Json, Person, Reply, order_of
from tests.api.conftest import NewPerson

NewProduct = Callable[..., str]
NO_IDS = [
    "1", "null", "%00", "..%2f..%2fusers", f"{UNKNOWN}%20", UNKNOWN.replace("-", ""),
    f"{{{UNKNOWN}}}", "'%20or%20'1'='1", "x" * 5000,
]  # fmt: skip

OF_ORDERS = [("GET", "/orders/{id}"), ("POST", "/orders/{id}/cancel")]
# Method, path and body of all that is for staff.
OF_STAFF: list[tuple[str, str, Json]] = [
    ("GET", "/users", None),
    ("POST", "/users", {"email": "new@example.com"}),
    ("GET", "/users/{id}", None),
    ("PATCH", "/users/{id}", {"role": "staff"}),
    ("POST", "/users/{id}/deactivate", None),
    ("POST", "/users/{id}/reactivate", None),
    ("POST", "/products", {"slug": "s", "name": "n", "price": 1, "currency": "EUR"}),
    ("PATCH", "/products/{id}", {"price": 1}),
    ("DELETE", "/products/{id}", None),
]


async def of(person: Person, method: str, path: str, body: Json = None) -> Reply:
    return await person.ask(method, path, body, headers={"If-Match": "*"})


@pytest.mark.parametrize(("method", "path"), OF_ORDERS)
async def test_anothers_order_looks_like_none(
    new_person: NewPerson, new_product: NewProduct, method: str, path: str
) -> None:
    owner, thief = await new_person(), await new_person()
    order = (await owner.post("/orders", order_of(new_product()))).body
    theirs = await of(thief, method, path.format(id=order["id"]))
    missing = await of(thief, method, path.format(id=UNKNOWN))
    assert theirs.refusal == (404, "order_not_found")
    assert theirs.told == missing.told
    after = (await owner.get(f"/orders/{order['id']}")).body
    assert (after["ending"], after["status"] == "cancelled") == (None, False)


async def test_lists_hold_nothing_of_others(new_person: NewPerson, new_product: NewProduct) -> None:
    owner, thief = await new_person(), await new_person()
    await owner.post("/orders", order_of(new_product()))
    for query in ("", f"?userId={owner.id}", f"?user_id=eq.{owner.id}", "?or=(id.not.is.null)"):
        assert (await thief.get(f"/orders{query}")).body["data"] == []


@pytest.mark.parametrize("no_id", NO_IDS)
async def test_what_is_no_id_is_as_unknown_as_one_that_is(
    shopper: Person, staff: Person, no_id: str
) -> None:
    for method, path in OF_ORDERS:
        reply = await of(shopper, method, path.format(id=no_id))
        assert reply.status == 404
        if "%2f" not in no_id:
            assert reply.told == (await of(shopper, method, path.format(id=UNKNOWN))).told
    for method, path, body in OF_STAFF:
        if "{id}" in path:
            assert (await of(staff, method, path.format(id=no_id), body)).status == 404


@pytest.mark.parametrize(("method", "path", "body"), OF_STAFF)
async def test_what_is_for_staff_is_for_staff_alone(
    shopper: Person, nobody: Person, new_person: NewPerson, method: str, path: str, body: Json
) -> None:
    guest = await new_person(guest=True)
    for person in (shopper, guest):
        reply = await of(person, method, path.format(id=person.id), body)
        assert reply.refusal == (403, "staff_only")
    assert (await of(nobody, method, path.format(id=UNKNOWN), body)).refusal == (
        401,
        "sign_in_required",
    )


@pytest.mark.parametrize(("method", "path", "body"), OF_STAFF)
async def test_there_is_nothing_to_guess_for_staff_either(
    staff: Person, method: str, path: str, body: Json
) -> None:
    if "{id}" in path:
        reply = await of(staff, method, path.format(id=UNKNOWN), body)
        noun = "product" if "products" in path else "user"
        assert reply.refusal == (404, f"{noun}_not_found")
