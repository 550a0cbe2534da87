import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import ADDRESS, Caller, RefusedError, Row
from tests.database.line import Line, lines, stock_of


def test_an_order_reserves_stock_freezes_prices_and_queues_its_work(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    cup, plate = new_product(stock=5, price=1200), new_product(stock=5, price=800)
    order = shopper.place([*lines(cup, 2), *lines(plate), *lines(cup)])
    assert (order["status"], order["total"], order["currency"]) == ("placed", 4400, "EUR")
    assert order["user_id"] == shopper.id
    assert stock_of(owner, cup) == (5, 3)
    owner.execute("update public.products set price = 1 where id = %s", (cup,))
    items = shopper.query("select * from public.order_items where order_id = %s", order["id"])
    assert sorted((item["unit_price"], item["quantity"]) for item in items) == [(800, 1), (1200, 3)]
    queued = owner.execute(
        "select type from private.outbox where subject ->> 'order_id' = %s", (str(order["id"]),)
    ).fetchall()
    assert queued == [{"type": "order.placed"}]


BAD_ITEMS: list[tuple[object, str]] = [
    ("text", "invalid_items"),
    ({}, "invalid_items"),
    ([], "empty_basket"),
    ([{"product_id": str(uuid.uuid4()), "quantity": 1}] * 101, "too_many_items"),
    (["text"], "invalid_item"),
    ([{"quantity": 1}], "invalid_item"),
    (lines("not-a-uuid"), "invalid_item"),
    ([{"product_id": str(uuid.uuid4()), "quantity": 1, "unit_price": 1}], "invalid_item"),
    (lines(str(uuid.uuid4())), "unknown_product"),
    *[
        (lines(str(uuid.uuid4()), quantity), "invalid_quantity")
        for quantity in (0, -1, 0.5, 1001, 2**31, 2**63, 1e300, "1", None, True, [1])
    ],
]


@pytest.mark.parametrize(("items", "code"), BAD_ITEMS)
def test_a_bad_basket_is_refused_with_its_code(shopper: Caller, items: object, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        shopper.place(Jsonb(items))
    assert (refused.value.status, refused.value.code) == (422, code)
    assert shopper.query("select 1 from public.orders") == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"shipping_address": []}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"line1": " "}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"city": None}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"country": "Germany"}}, 422, "invalid_address"),
        (
            {"shipping_address": ADDRESS | {"name": "a\r\nBcc: b@example.com"}},
            422,
            "invalid_address",
        ),
        ({"shipping_address": ADDRESS | {"name": "x" * 201}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"name": "x" + " " * 1000}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"name": "\u00a0\u2003"}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"name": "a\u202eb"}}, 422, "invalid_address"),
        ({"shipping_address": ADDRESS | {"name": "a\u200bb"}}, 422, "invalid_address"),
        ({"email": "somebody.else@example.com"}, 422, "invalid_email"),
        ({"shipping_address": ADDRESS | {"status": "paid"}}, 422, "invalid_address"),
        ({"payment_method": "tok_visa"}, 422, "invalid_payment_method"),
        ({"payment_method": None}, 422, "invalid_payment_method"),
        ({"idempotency_key": None}, 422, "invalid_idempotency_key"),
        ({"currency": "USD"}, 422, "currency_mismatch"),
        ({"expected_total": 1}, 409, "price_changed"),
        ({"expected_total": 650, "currency": "USD"}, 409, "price_changed"),
        ({"email": "nobody"}, 422, "invalid_email"),
        ({"email": "a@example.com, b@example.com"}, 422, "invalid_email"),
        ({"email": "a@example.com\nBcc: b@example.com"}, 422, "invalid_email"),
    ],
)
def test_a_bad_request_is_refused_and_writes_nothing(
    shopper: Caller,
    owner: psycopg.Connection[Row],
    new_product: Callable[..., str],
    changed: dict[str, Any],
    status: int,
    code: str,
) -> None:
    product = new_product(stock=3)
    with pytest.raises(RefusedError) as refused:
        shopper.place(lines(product), **changed)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert shopper.query("select 1 from public.orders") == []
    assert stock_of(owner, product) == (3, 0)


def test_too_little_stock_names_the_product_and_writes_nothing(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    plenty, scarce = new_product(stock=9), new_product(stock=1)
    with pytest.raises(RefusedError) as refused:
        shopper.place([*lines(plenty), *lines(scarce, 2)])
    assert (refused.value.status, refused.value.code) == (409, "insufficient_stock")
    [short] = refused.value.context["products"]
    assert (short["product_id"], short["available"], short["requested"]) == (scarce, 1, 2)
    assert stock_of(owner, plenty) == (9, 0)


def test_prices_are_those_of_the_country_of_delivery(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product(price=1000)
    owner.execute("insert into public.product_prices values (%s, 'US', 1300, 'USD')", (product,))
    order = shopper.place(
        lines(product),
        shipping_address=ADDRESS | {"country": "US"},
        currency="USD",
        expected_total=1300,
    )
    assert (order["total"], order["currency"]) == (1300, "USD")


def test_a_basket_that_is_not_sold_in_one_currency_is_refused(
    shopper: Caller, new_product: Callable[..., str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        shopper.place([*lines(new_product()), *lines(new_product(currency="USD"))])
    assert refused.value.code == "mixed_currencies"


def test_the_same_key_gives_the_same_order_and_refuses_another_basket(
    shopper: Caller, new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    product, key = new_product(), uuid.uuid4()
    first = shopper.place(lines(product), idempotency_key=key)
    assert shopper.place(lines(product), idempotency_key=key)["id"] == first["id"]
    with pytest.raises(RefusedError) as refused:
        shopper.place(lines(product, 2), idempotency_key=key)
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")
    assert new_user().place(lines(product), idempotency_key=key)["id"] != first["id"]


@pytest.fixture
def patience(owner: psycopg.Connection[Row]) -> Iterator[None]:
    """Who waits for a product is never told `busy`, however slow the machine; a deadlock is."""
    owner.execute("alter function private.place_order set lock_timeout = '60s'")
    yield
    owner.execute("alter function private.place_order set lock_timeout = '3s'")


@pytest.mark.usefixtures("patience")
def test_parallel_calls_with_one_key_make_one_order(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product, key = new_product(stock=100), uuid.uuid4()
    with ThreadPoolExecutor(32) as pool:
        orders = list(
            pool.map(lambda _: shopper.place(lines(product), idempotency_key=key), range(64))
        )
    assert len({order["id"] for order in orders}) == 1
    assert stock_of(owner, product) == (100, 1)


@pytest.mark.usefixtures("patience")
def test_200_callers_for_20_units_make_exactly_20_orders(
    new_user: Callable[..., Caller],
    owner: psycopg.Connection[Row],
    new_product: Callable[..., str],
) -> None:
    first, second = new_product(stock=20), new_product(stock=1000)
    callers = [new_user() for _ in range(10)]

    def attempt(number: int) -> str:
        # Half name the products in the other order: locks taken in that order would deadlock.
        basket = [*lines(first), *lines(second)]
        try:
            callers[number % 10].place(basket if number % 2 else basket[::-1])
        except RefusedError as refused:
            return str(refused.code)
        return "placed"

    with ThreadPoolExecutor(40) as pool:
        outcomes = list(pool.map(attempt, range(200)))
    assert outcomes.count("placed") == 20
    assert outcomes.count("insufficient_stock") == 180
    assert (stock_of(owner, first), stock_of(owner, second)) == ((20, 20), (1000, 20))


def test_a_guest_gives_an_address_for_mails(
    new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    guest = new_user(email=None)
    with pytest.raises(RefusedError) as refused:
        guest.place(lines(new_product()))
    assert refused.value.code == "email_required"
    assert guest.place(lines(new_product()), email="G@Example.com")["email"] == "g@example.com"


def test_nobody_places_an_order_without_signing_in(
    database: Settings, engine: Caller, new_product: Callable[..., str]
) -> None:
    product = new_product()
    anon = Caller(database.database_url(), "anon", {"role": "anon"})
    with pytest.raises(RefusedError) as refused:
        anon.place(lines(product))
    assert refused.value.status == "42501"
    with pytest.raises(RefusedError) as refused:
        engine.place(lines(product))
    assert (refused.value.status, refused.value.code) == (401, "sign_in_required")


def test_cancelling_frees_the_stock_once_and_only_for_the_owner(
    shopper: Caller,
    owner: psycopg.Connection[Row],
    new_user: Callable[..., Caller],
    new_product: Callable[..., str],
) -> None:
    product = new_product(stock=4)
    order = shopper.place(lines(product, 3))
    for stranger, wanted in ((new_user(), order["id"]), (shopper, uuid.uuid4())):
        with pytest.raises(RefusedError) as refused:
            stranger.call("public.cancel_order", order_id=wanted)
        assert (refused.value.status, refused.value.code) == (404, "order_not_found")
    for _ in range(2):
        [cancelled] = shopper.call("public.cancel_order", order_id=order["id"])
        assert cancelled["status"] == "cancelled"
    assert stock_of(owner, product) == (4, 0)
    types = shopper.query("select type from public.order_events where order_id = %s", order["id"])
    assert [row["type"] for row in types] == ["order.placed", "order.cancelled"]


def test_a_refusal_repeats_nothing_that_the_caller_sent(shopper: Caller) -> None:
    with pytest.raises(RefusedError) as refused:
        shopper.place([{"product_id": str(uuid.uuid4()), "quantity": 10**1000}])
    assert len(str(refused.value) + str(refused.value.context)) < 300


def test_a_guest_places_ten_orders_an_hour(
    new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    guest, product = new_user(email=None), new_product(stock=50)
    first = guest.place(lines(product), email="g@example.com")
    for _ in range(9):
        guest.place(lines(product), email="g@example.com")
    with pytest.raises(RefusedError) as refused:
        guest.place(lines(product), email="g@example.com")
    assert (refused.value.status, refused.value.code) == (429, "too_many_orders")
    key = first["idempotency_key"]
    assert guest.place(lines(product), email="g@example.com", idempotency_key=key) == first


def test_a_token_whose_session_or_user_is_gone_orders_nothing(
    database: Settings,
    owner: psycopg.Connection[Row],
    shopper: Caller,
    new_product: Callable[..., str],
) -> None:
    product = new_product()
    session = uuid.uuid4()
    with psycopg.connect(database.database_url("supabase_auth_admin")) as auth:
        auth.execute(
            "insert into auth.sessions (id, user_id) values (%s, %s)", (session, shopper.id)
        )
    shopper.claims["session_id"] = str(session)
    order = shopper.place(lines(product))
    owner.execute("delete from auth.sessions where id = %s", (session,))
    for gone in (shopper, Caller(shopper.url, shopper.role, {"sub": str(uuid.uuid4())})):
        with pytest.raises(RefusedError) as refused:
            gone.place(lines(product))
        assert (refused.value.status, refused.value.code) == (401, "sign_in_required")
        with pytest.raises(RefusedError) as refused:
            gone.call("public.cancel_order", order_id=order["id"])
        assert refused.value.code == "sign_in_required"


def test_a_product_that_stays_locked_is_busy_not_broken(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product()
    with owner.transaction():
        owner.execute("select 1 from public.inventory where product_id = %s for update", (product,))
        with pytest.raises(RefusedError) as refused:
            shopper.place(lines(product))
    assert (refused.value.status, refused.value.code) == (503, "busy")


@pytest.mark.usefixtures("patience")
def test_receiving_goods_and_placing_orders_never_wait_for_each_other_for_ever(
    new_user: Callable[..., Caller],
    engine: Caller,
    new_product: Callable[..., str],
) -> None:
    products = [new_product(stock=1000) for _ in range(12)]
    buyers = [new_user() for _ in range(4)]
    receive = (
        "insert into public.stock_movements (product_id, kind, on_hand_change, reserved_change)"
        " select unnest(%s::uuid[]), 'received', 1, 0"
    )

    def work(number: int) -> None:
        if number % 2:
            engine.query(receive, products[::-1] if number % 4 == 1 else products)
        else:
            buyers[number % 4].place([line for product in products for line in lines(product)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(80)))


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (TRACE, TRACE),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_an_order_and_its_events_carry_the_trace_of_the_call(
    line: Line, sent: str | None, kept: str | None
) -> None:
    headers = json.dumps({"traceparent": sent} if sent is not None else {})
    product = line.new_product()
    with line.shopper.connection() as connection:
        connection.execute("select set_config('request.headers', %s, true)", (headers,))
        [order] = connection.execute(
            "select * from public.place_order(%s, %s, 'pm_card_visa', gen_random_uuid())",
            (Jsonb(lines(product)), Jsonb(ADDRESS)),
        ).fetchall()
    assert order["traceparent"] == kept
    [job] = line.step()
    assert job["traceparent"] == kept
    line.drain()
    events = line.rows(
        "select traceparent from public.order_events where order_id = %s", order["id"]
    )
    assert [event["traceparent"] for event in events] == [kept] * 3


def test_an_order_placed_without_any_headers_has_no_trace(line: Line) -> None:
    assert line.place()["traceparent"] is None
