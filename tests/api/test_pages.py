"""Cursors: good for the list that they are of, and nothing else."""

import base64
from collections.abc import Callable

import pytest

from tests.api.calling import Person, order_of
from tests.api.conftest import NewPerson

LIMITS = ["0", "-1", "101", "1.5", "1e1", "x", "", "99999999999999999999", "%00"]


@pytest.fixture
async def cursor(staff: Person) -> str:
    """Of the list of all accounts."""
    return str((await staff.get("/users?limit=1")).body["nextCursor"])


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("path", ["/orders", "/users", "/products"])
async def test_a_page_has_1_to_100(staff: Person, path: str, limit: str) -> None:
    assert (await staff.get(f"{path}?limit={limit}")).refusal == (422, "invalid_request")


async def test_a_cursor_goes_on_where_the_page_ended(staff: Person, cursor: str) -> None:
    both = (await staff.get("/users?limit=2")).body["data"]
    second = (await staff.get(f"/users?limit=1&cursor={cursor}")).body["data"]
    assert [one["id"] for one in second] == [both[1]["id"]]


@pytest.mark.parametrize("path", ["/orders", "/products", "/users?email=a", "/orders?status=paid"])
async def test_a_cursor_of_another_list_is_refused(staff: Person, cursor: str, path: str) -> None:
    mark = "&" if "?" in path else "?"
    reply = await staff.get(f"{path}{mark}cursor={cursor}")
    assert reply.refusal == (400, "invalid_cursor")


async def test_a_cursor_that_was_touched_is_refused(staff: Person, cursor: str) -> None:
    known = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    place = base64.urlsafe_b64encode(known[16:]).decode().rstrip("=")
    changed = base64.urlsafe_b64encode(known[:-1] + b"x").decode().rstrip("=")
    for wrong in (
        "", "x", "null", "....", "W10", "AAAA" * 20, place, changed, cursor[:-4], cursor * 2,
        "%F0%9F%A6%8B", "%00", "-1 or 1=1",
    ):  # fmt: skip
        reply = await staff.get(f"/users?cursor={wrong}")
        assert reply.refusal == (400, "invalid_cursor"), wrong


async def test_an_endless_cursor_is_refused(staff: Person) -> None:
    reply = await staff.get(f"/users?cursor={'A' * 1001}")
    assert reply.refusal == (422, "invalid_request")


async def test_what_comes_in_between_moves_no_page(
    new_person: NewPerson, new_product: Callable[..., str]
) -> None:
    me, product = await new_person(), new_product()
    placed = [(await me.post("/orders", order_of(product))).body["number"] for _ in range(4)]
    first = (await me.get("/orders?limit=2")).body
    await me.post("/orders", order_of(product))
    second = (await me.get(f"/orders?limit=2&cursor={first['nextCursor']}")).body
    seen = [order["number"] for order in first["data"] + second["data"]]
    assert seen == placed[::-1]
