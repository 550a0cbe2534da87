"""The catalogue: seen by everybody, edited by staff who say which version they saw."""

import asyncio
import uuid
from collections.abc import Callable

import psycopg
import pytest

from tests.api.calling import Json, Person, if_match, order_of
from tests.conftest import Stack

NewProduct = Callable[..., str]


def product(**changed: Json) -> Json:
    slug = f"test-{uuid.uuid4().hex}"
    return {"slug": slug, "name": "Cup", "price": 1200, "currency": "EUR"} | changed


async def test_staff_put_a_product_on_sale(
    stack: Stack, staff: Person, nobody: Person, shopper: Person
) -> None:
    us = {"country": "US", "price": 1500, "currency": "USD"}
    body = product(description="Porcelain.\nHandle with care.", prices=[us])
    made = await staff.post("/products", body)
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert body.items() <= made.body.items()
    assert (made.body["active"], made.body["version"]) == (True, 1)
    seen = await nobody.get(made.headers["Location"])
    assert (seen.body["name"], seen.body["price"]) == ("Cup", 1200)
    with psycopg.connect(stack.settings.database_url()) as connection:
        connection.execute(
            "insert into public.stock_movements"
            " (product_id, kind, on_hand_change, reserved_change) values (%s, 'received', 5, 0)",
            (made.body["id"],),
        )
    order = await shopper.post("/orders", order_of(made.body["id"]))
    assert (order.status, order.body["total"]) == (201, 1200)


async def test_a_slug_is_one_products(staff: Person) -> None:
    body = product()
    assert (await staff.post("/products", body)).status == 201
    assert (await staff.post("/products", body)).refusal == (409, "slug_taken")
    other = await staff.post("/products", product())
    path = f"/products/{other.body['id']}"
    taken = await staff.patch(path, {"slug": body["slug"]}, headers=if_match(other))
    assert taken.refusal == (409, "slug_taken")


async def test_an_edit_names_the_version_that_was_seen(staff: Person) -> None:
    made = await staff.post("/products", product(prices=[]))
    path = f"/products/{made.body['id']}"
    assert (await staff.patch(path, {"price": 1})).refusal == (428, "precondition_required")
    edited = await staff.patch(path, {"price": 1300}, headers=if_match(made))
    assert (edited.body["price"], edited.headers["ETag"]) == (1300, '"2"')
    for stale in ('"1"', '"7"', 'W/"2"', "2", "x2x", "", '"1", "3"'):
        late = await staff.patch(path, {"price": 1}, headers={"If-Match": stale})
        assert late.refusal == (412, "precondition_failed")
        assert late.body["context"] == {"version": 2}
    several = await staff.patch(path, {"name": "Mug"}, headers={"If-Match": '"1", "2"'})
    assert (several.body["name"], several.body["price"]) == ("Mug", 1300)
    whatever = await staff.patch(path, {"name": "Bowl"}, headers={"If-Match": "*"})
    assert whatever.headers["ETag"] == '"4"'


async def test_of_two_who_edit_the_same_version_one_goes_on(staff: Person) -> None:
    made = await staff.post("/products", product())
    path = f"/products/{made.body['id']}"
    replies = await asyncio.gather(
        *(staff.patch(path, {"price": price}, headers=if_match(made)) for price in range(1, 9))
    )
    assert sorted(reply.status for reply in replies) == [200] + [412] * 7


async def test_prices_of_markets_are_replaced_as_a_whole(staff: Person) -> None:
    us, gb = ({"country": name, "price": 5, "currency": "USD"} for name in ("US", "GB"))
    made = await staff.post("/products", product(prices=[us, gb]))
    path = f"/products/{made.body['id']}"
    edited = await staff.patch(path, {"prices": [us | {"price": 7}]}, headers=if_match(made))
    assert edited.body["prices"] == [us | {"price": 7}]
    renamed = await staff.patch(path, {"name": "Mug"}, headers=if_match(edited))
    assert renamed.body["prices"] == [us | {"price": 7}]
    emptied = await staff.patch(path, {"prices": []}, headers=if_match(renamed))
    assert emptied.body["prices"] == []


async def test_a_product_is_taken_off_sale_and_never_deleted(
    staff: Person, nobody: Person, shopper: Person, new_product: NewProduct
) -> None:
    ordered = new_product()
    order = (await shopper.post("/orders", order_of(ordered))).body
    path = f"/products/{ordered}"
    assert (await staff.ask("DELETE", path)).refusal == (428, "precondition_required")
    gone = await staff.ask("DELETE", path, headers={"If-Match": '"1"'})
    assert (gone.status, gone.body["active"]) == (200, False)
    assert (await nobody.get(path)).refusal == (404, "product_not_found")
    assert (await shopper.get(f"/orders/{order['id']}")).body["items"] == order["items"]
    refused = await shopper.post("/orders", order_of(ordered))
    assert refused.refusal == (422, "unknown_product")
    name = gone.body["name"]
    hidden = f"/products?search={name}&active=false"
    assert [one["id"] for one in (await staff.get(hidden)).body["data"]] == [ordered]
    for person in (nobody, shopper):
        assert (await person.get(hidden)).body["data"] == []
    back = await staff.patch(path, {"active": True}, headers=if_match(gone))
    assert back.body["active"] is True


async def test_products_come_in_pages_by_name(staff: Person, nobody: Person) -> None:
    word = f"w{uuid.uuid4().hex}"
    # Names as they come, and characters that mean something in a query.
    names = [f"{word} {end}" for end in ('a "b"', "a,b)", "a\\", "b", "b", "ä", "名")]
    for name in names:
        assert (await staff.post("/products", product(name=name))).status == 201
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (
            await nobody.get(
                f"/products?search={word}&limit=2&cursor={cursor}".removesuffix("&cursor=")
            )
        ).body
        seen += [one["name"] for one in page["data"]]
        cursor = page["nextCursor"]
    assert sorted(seen) == sorted(names)
    in_one = (await nobody.get(f"/products?search={word}")).body["data"]
    assert seen == [one["name"] for one in in_one]


@pytest.mark.parametrize("search", ["'", "a%20%26%20|", "%22", "!!!", "(", "a:*", "%F0%9F%A6%8B"])
async def test_any_text_can_be_searched_for(nobody: Person, search: str) -> None:
    assert (await nobody.get(f"/products?search={search}")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "Not A Slug"}, {"slug": "a\n"}, {"slug": ""}, {"slug": "a" * 201}, {"name": ""},
        {"name": "a\x00"}, {"description": "a\x00"}, {"description": "x" * 10_001},
        {"price": -1}, {"price": 1.5}, {"price": "5"}, {"price": 10**12 + 1}, {"price": 2**63},
        {"price": True}, {"currency": "eur"}, {"currency": "EURO"}, {"active": "perhaps"},
        {"id": "11111111-1111-4111-8111-111111111111"}, {"version": 7}, {"stock": 7},
        {"prices": [{"country": "us", "price": 5, "currency": "USD"}]},
        {"prices": [{"country": "US", "price": 5}]},
        {"prices": {"US": 5}},
    ],
)  # fmt: skip
async def test_a_wrong_product_is_refused(staff: Person, wrong: Json) -> None:
    assert (await staff.post("/products", product(**wrong))).refusal == (422, "invalid_request")
    made = await staff.post("/products", product())
    path = f"/products/{made.body['id']}"
    edit = await staff.patch(path, wrong, headers=if_match(made))
    assert edit.refusal == (422, "invalid_request")


async def test_a_market_has_one_price(staff: Person) -> None:
    twice = [{"country": "US", "price": price, "currency": "USD"} for price in (5, 6)]
    reply = await staff.post("/products", product(prices=twice))
    assert reply.refusal == (422, "invalid_product")
    assert reply.body["context"] == {"field": "prices"}


async def test_scripts_templates_and_formulas_stay_text(staff: Person, nobody: Person) -> None:
    text = '<script>alert(1)</script>{{7*7}}=HYPERLINK("x")\' or 1=1 --'
    made = await staff.post("/products", product(name=text, description=text))
    seen = await nobody.get(f"/products/{made.body['id']}")
    assert (seen.body["name"], seen.body["description"]) == (text, text)
    assert seen.headers["Content-Type"] == "application/json"
