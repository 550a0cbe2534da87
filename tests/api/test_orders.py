"""Orders: placed, seen, listed and cancelled in the caller's own name."""

import uuid
from collections.abc import Callable

import pytest

from tests.api.calling import ADDRESS, UNKNOWN, Json, Person, order_of
from tests.api.conftest import NewPerson, serve, settings_of
from tests.conftest import Stack
from tests.waiting import until

NewProduct = Callable[..., str]


async def test_an_order_is_placed_and_found(shopper: Person, new_product: NewProduct) -> None:
    product = new_product(price=1250)
    items = [{"productId": product, "quantity": 3}]
    placed = await shopper.post("/orders", order_of(items=items))
    order = placed.body
    assert placed.status == 201
    assert placed.headers["Location"] == f"/orders/{order['id']}"
    assert (order["total"], order["currency"], order["userId"]) == (3750, "EUR", str(shopper.id))
    [item] = order["items"]
    assert (item["productId"], item["quantity"], item["unitPrice"]) == (product, 3, 1250)
    assert order["shippingAddress"] == ADDRESS | {"line2": None, "region": None}
    assert order["email"] == shopper.email
    found = (await shopper.get(placed.headers["Location"])).body
    steady = ("id", "number", "total", "items", "shippingAddress", "createdAt")
    assert {name: found[name] for name in steady} == {name: order[name] for name in steady}


async def test_an_order_goes_its_way(shopper: Person, new_product: NewProduct) -> None:
    placed = (await shopper.post("/orders", order_of(new_product()))).body

    async def is_completed() -> bool:
        order = (await shopper.get(f"/orders/{placed['id']}")).body
        return bool(order["status"] == "completed")

    await until(is_completed, 30)


async def test_a_card_that_is_declined_is_told(shopper: Person, new_product: NewProduct) -> None:
    declined = order_of(new_product(), paymentMethod="pm_card_chargeDeclined")
    placed = (await shopper.post("/orders", declined)).body

    async def failure() -> str | None:
        order = (await shopper.get(f"/orders/{placed['id']}")).body
        return order["failureCode"] if order["status"] == "payment_failed" else None

    assert await until(failure, 30) == "card_declined"


async def test_names_in_snake_case_are_taken_too(shopper: Person, new_product: NewProduct) -> None:
    address = {name: value for name, value in ADDRESS.items() if name != "postalCode"}
    body = {
        "items": [{"product_id": new_product(), "quantity": 1}],
        "shipping_address": address | {"postal_code": "10115"},
        "payment_method": "pm_card_visa",
        "expected_total": 1000,
    }
    assert (await shopper.post("/orders", body)).status == 201


async def test_a_guest_orders_with_an_address(
    new_person: NewPerson, new_product: NewProduct
) -> None:
    guest, body = await new_person(guest=True), order_of(new_product())
    assert (await guest.post("/orders", body)).refusal == (422, "email_required")
    placed = await guest.post("/orders", body | {"email": "guest@example.com"})
    assert (placed.status, placed.body["email"]) == (201, "guest@example.com")


async def test_without_a_payment_method_the_shops_own_is_taken_if_it_has_one(
    stack: Stack, shopper: Person, new_product: NewProduct
) -> None:
    body = order_of(new_product())
    del body["paymentMethod"]
    assert (await shopper.post("/orders", body)).status == 201
    async with serve(settings_of(stack, default_payment_method=None)) as client:
        strict = Person(client, shopper.token)
        refused = await strict.post("/orders", body)
        assert refused.refusal == (422, "invalid_payment_method")
        none = await strict.post("/orders", body | {"paymentMethod": None})
        assert none.refusal == (422, "invalid_payment_method")


@pytest.mark.parametrize("key", [str(uuid.uuid4()), "basket 7".replace(" ", "-"), "~" * 255])
async def test_the_same_key_is_the_same_order(
    new_person: NewPerson, new_product: NewProduct, key: str
) -> None:
    me, other = await new_person(), await new_person()
    body, headers = order_of(new_product()), {"Idempotency-Key": key}
    first = await me.post("/orders", body, headers=headers)
    again = await me.post("/orders", body, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.body["id"] == again.body["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    theirs = await other.post("/orders", body, headers=headers)
    assert theirs.body["id"] != first.body["id"]
    changed = await me.post("/orders", body | {"expectedTotal": 1000}, headers=headers)
    assert changed.refusal == (422, "idempotency_key_reused")
    assert len((await me.get("/orders")).body["data"]) == 1


async def test_without_a_key_each_call_is_an_order(
    new_person: NewPerson, new_product: NewProduct
) -> None:
    me, body = await new_person(), order_of(new_product())
    assert [(await me.post("/orders", body)).status for _ in range(2)] == [201, 201]
    assert len((await me.get("/orders")).body["data"]) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut"])
async def test_a_key_is_visible_ascii(shopper: Person, new_product: NewProduct, key: str) -> None:
    body = order_of(new_product())
    reply = await shopper.post("/orders", body, headers={"Idempotency-Key": key})
    assert reply.refusal == (422, "invalid_request")


async def test_refusals_of_the_verb_are_problems_with_their_context(
    shopper: Person, new_product: NewProduct
) -> None:
    scarce = new_product(stock=1)
    items = [{"productId": scarce, "quantity": 2}]
    short = await shopper.post("/orders", order_of(items=items))
    assert short.refusal == (409, "insufficient_stock")
    assert short.body["context"]["products"][0]["available"] == 1
    unknown = await shopper.post("/orders", order_of(UNKNOWN))
    assert unknown.refusal == (422, "unknown_product")
    dearer = await shopper.post("/orders", order_of(scarce, expectedTotal=1))
    assert dearer.refusal == (409, "price_changed")
    other = await shopper.post("/orders", order_of(scarce, currency="USD"))
    assert other.refusal == (422, "currency_mismatch")
    assert (await shopper.post("/orders", order_of(scarce))).status == 201


async def test_orders_come_in_pages_the_newest_first(
    new_person: NewPerson, new_product: NewProduct
) -> None:
    me, product = await new_person(), new_product()
    placed = [(await me.post("/orders", order_of(product))).body["id"] for _ in range(5)]
    seen: list[list[str]] = []
    query: str | None = "limit=2"
    while query:
        page = (await me.get(f"/orders?{query}")).body
        seen.append([order["id"] for order in page["data"]])
        query = page["nextCursor"] and f"limit=2&cursor={page['nextCursor']}"
    newest = placed[::-1]
    assert seen == [newest[:2], newest[2:4], newest[4:]]


async def test_orders_are_filtered_by_status(
    new_person: NewPerson, new_product: NewProduct
) -> None:
    me = await new_person()
    await me.post("/orders", order_of(new_product()))
    mine = (await me.get("/orders")).body["data"]
    assert (await me.get("/orders?status=refunded")).body["data"] == []
    status = mine[0]["status"]
    assert status in {"placed", "paid", "shipped", "completed"}
    assert (await me.get("/orders?status=lost")).refusal == (422, "invalid_request")


async def test_staff_see_everybodys_orders(
    staff: Person, new_person: NewPerson, new_product: NewProduct
) -> None:
    me = await new_person()
    order = (await me.post("/orders", order_of(new_product()))).body
    assert (await staff.get(f"/orders/{order['id']}")).body["userId"] == str(me.id)
    newest = (await staff.get("/orders?limit=100")).body["data"]
    assert order["id"] in [one["id"] for one in newest]


async def test_an_order_is_cancelled_once(
    stack: Stack, new_person: NewPerson, new_product: NewProduct
) -> None:
    me = await new_person()
    # The bank asks the shopper first, so the order waits for its cancellation.
    waits = order_of(new_product(), paymentMethod="pm_card_authenticationRequired")
    order = (await me.post("/orders", waits)).body
    path = f"/orders/{order['id']}/cancel"
    for _ in range(2):
        cancelled = await me.post(path)
        assert cancelled.status == 200
        assert "cancelled" in (cancelled.body["status"], cancelled.body["ending"])

    async def is_cancelled() -> bool:
        return bool((await me.get(f"/orders/{order['id']}")).body["status"] == "cancelled")

    await until(is_cancelled, 30)


async def test_what_has_been_shipped_is_not_cancelled(
    shopper: Person, new_product: NewProduct
) -> None:
    order = (await shopper.post("/orders", order_of(new_product()))).body

    async def is_completed() -> bool:
        found = (await shopper.get(f"/orders/{order['id']}")).body
        return bool(found["status"] == "completed")

    await until(is_completed, 30)
    late = await shopper.post(f"/orders/{order['id']}/cancel")
    assert late.refusal == (409, "order_not_cancellable")
    assert late.body["context"] == {"status": "completed"}


def _address(**changed: Json) -> Json:
    return {"shippingAddress": ADDRESS | changed}


def _items(*items: Json) -> Json:
    return {"items": list(items)}


WRONG: dict[str, Json] = {
    # What the shop decides, nobody else.
    "total": {"total": 1},
    "price of an item": _items({"productId": UNKNOWN, "quantity": 1, "unitPrice": 1}),
    "status": {"status": "paid"},
    "user": {"userId": UNKNOWN},
    "user in snake case": {"user_id": UNKNOWN},
    "creation": {"createdAt": "2020-01-01T00:00:00Z"},
    "number": {"number": 1},
    "capture": {"capture": "on_shipment"},
    "key in the body": {"idempotencyKey": UNKNOWN},
    # Quantities.
    "none": _items({"productId": UNKNOWN, "quantity": 0}),
    "less than none": _items({"productId": UNKNOWN, "quantity": -1}),
    "a half": _items({"productId": UNKNOWN, "quantity": 0.5}),
    "a float": _items({"productId": UNKNOWN, "quantity": 1.0}),
    "a text": _items({"productId": UNKNOWN, "quantity": "1"}),
    "a truth": _items({"productId": UNKNOWN, "quantity": True}),
    "null": _items({"productId": UNKNOWN, "quantity": None}),
    "too many": _items({"productId": UNKNOWN, "quantity": 1001}),
    "more than a bigint": _items({"productId": UNKNOWN, "quantity": 2**63}),
    "far more": _items({"productId": UNKNOWN, "quantity": 10**400}),
    "without": _items({"productId": UNKNOWN}),
    "no uuid": _items({"productId": "1 or 1=1", "quantity": 1}),
    "empty basket": _items(),
    "too many items": _items(*[{"productId": UNKNOWN, "quantity": 1}] * 101),
    "no list": {"items": {"productId": UNKNOWN, "quantity": 1}},
    # Money.
    "negative total": {"expectedTotal": -1},
    "fractional total": {"expectedTotal": 10.5},
    "huge total": {"expectedTotal": 2**63},
    "currency": {"currency": "euro"},
    "currency in small letters": {"currency": "eur"},
    "payment method": {"paymentMethod": "card_1"},
    "injected payment method": {"paymentMethod": "pm_x'; drop table orders; --"},
    # Addresses.
    "unknown field": _address(planet="Earth"),
    "no name": _address(name=""),
    "NUL": _address(name="a\x00b"),
    "line break": _address(line1="a\nBcc: b@example.com"),
    "turned around": _address(city="\u202eniilreB"),
    "too long": _address(line1="x" * 201),
    "a surrogate": _address(name="\ud800"),
    "country": _address(country="Germany"),
    "a number": _address(postalCode=10115),
    "no address": {"shippingAddress": None},
    "email": {"email": "x" * 255},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_refused_and_orders_nothing(
    shopper: Person, new_product: NewProduct, wrong: Json
) -> None:
    before = (await shopper.get("/orders?limit=1")).body["data"]
    reply = await shopper.post("/orders", order_of(new_product()) | wrong)
    assert reply.refusal == (422, "invalid_request")
    assert (await shopper.get("/orders?limit=1")).body["data"] == before
