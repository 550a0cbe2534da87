"""Stock that staff receive and count."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import Line, lines, stock_of
from tests.database.locks import wait_for_a_lock


def receive(caller: Caller, product: str, quantity: object, **changed: object) -> Row:
    arguments = {"product_id": product, "quantity": quantity, "idempotency_key": uuid.uuid4()}
    [row] = caller.call("public.receive_stock", **(arguments | changed))
    return row


def adjust(caller: Caller, product: str, change: object, **changed: object) -> Row:
    arguments = {"product_id": product, "change": change, "idempotency_key": uuid.uuid4()}
    [row] = caller.call("public.adjust_stock", **(arguments | {"note": "counted"} | changed))
    return row


def move(owner: psycopg.Connection[Row], product: str, key: uuid.UUID) -> None:
    """Receive five, until the transaction ends unseen by others."""
    owner.execute(
        "insert into public.stock_movements"
        " (product_id, kind, on_hand_change, reserved_change, idempotency_key)"
        " values (%s, 'received', 5, 0, %s)",
        (product, key),
    )


def refusal(call: Callable[[], object]) -> tuple[object, object]:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.status, refused.value.code


@pytest.fixture
def staff(new_user: Callable[..., Caller]) -> Caller:
    return new_user("staff")


def test_the_ledger_says_who_moved_what(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product = new_product(stock=0)
    first = receive(staff, product, 10, note="Pallet 7")
    second = adjust(staff, product, -3, note="Three are broken.")
    assert stock_of(owner, product) == (7, 0)
    known = ("product_id", "kind", "on_hand_change", "reserved_change", "note", "moved_by")
    assert [tuple(row[name] for name in known) for row in (first, second)] == [
        (uuid.UUID(product), "received", 10, 0, "Pallet 7", staff.id),
        (uuid.UUID(product), "adjusted", -3, 0, "Three are broken.", staff.id),
    ]
    query = "select * from public.stock_movements where product_id = %s order by id"
    assert staff.query(query, product) == [first, second]


def test_the_same_key_moves_once(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product, key = new_product(stock=0), uuid.uuid4()
    first = receive(staff, product, 10, idempotency_key=key)
    assert receive(staff, product, 10, idempotency_key=key) == first
    assert stock_of(owner, product) == (10, 0)
    others: list[Callable[[], Row]] = [
        lambda: receive(staff, product, 11, idempotency_key=key),
        lambda: receive(staff, product, 10, idempotency_key=key, note="other"),
        lambda: receive(staff, new_product(), 10, idempotency_key=key),
        lambda: adjust(staff, product, 10, idempotency_key=key, note="x"),
    ]
    for other in others:
        assert refusal(other) == (422, "idempotency_key_reused")
    assert stock_of(owner, product) == (10, 0)


def test_the_same_key_at_the_same_time_moves_once(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product, key = new_product(stock=0), uuid.uuid4()
    with ThreadPoolExecutor(4) as pool:
        with owner.transaction():
            move(owner, product, key)
            late = [pool.submit(receive, staff, product, 5, idempotency_key=key) for _ in range(4)]
            wait_for_a_lock(owner)
        assert len({one.result()["id"] for one in late}) == 1
    assert stock_of(owner, product) == (5, 0)


def test_the_same_key_for_two_products_at_the_same_time_moves_one(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    first, second, key = new_product(stock=0), new_product(stock=0), uuid.uuid4()
    with ThreadPoolExecutor(1) as pool:
        with owner.transaction():
            move(owner, first, key)
            late = pool.submit(refusal, lambda: receive(staff, second, 5, idempotency_key=key))
            wait_for_a_lock(owner)
        assert late.result() == (422, "idempotency_key_reused")
    assert (stock_of(owner, first), stock_of(owner, second)) == ((5, 0), (0, 0))


def test_what_is_promised_to_orders_stays(
    staff: Caller, shopper: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product = new_product(stock=5)
    shopper.place(lines(product, 3))
    with pytest.raises(RefusedError) as refused:
        adjust(staff, product, -3)
    assert (refused.value.status, refused.value.code) == (409, "stock_reserved")
    assert refused.value.context == {"on_hand": 5, "reserved": 3, "available": 2}
    adjust(staff, product, -2)
    assert stock_of(owner, product) == (3, 3)


def test_who_has_waited_counts_what_is_there_then(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product = new_product(stock=5)
    with ThreadPoolExecutor(1) as pool:
        with owner.transaction():
            owner.execute(
                "insert into public.stock_movements"
                " (product_id, kind, on_hand_change, reserved_change)"
                " values (%s, 'adjusted', -1, 0)",
                (product,),
            )
            count = pool.submit(refusal, lambda: adjust(staff, product, -5))
            wait_for_a_lock(owner)
        assert count.result() == (409, "stock_reserved")
    assert stock_of(owner, product) == (4, 0)


def test_a_busy_product_is_not_waited_for_for_long(
    staff: Caller, new_product: Callable[..., str], owner: psycopg.Connection[Row]
) -> None:
    product = new_product()
    with ThreadPoolExecutor(1) as pool, owner.transaction():
        owner.execute("select from public.inventory where product_id = %s for update", (product,))
        late = pool.submit(refusal, lambda: receive(staff, product, 1))
        assert late.result() == (503, "busy")


def test_orders_are_placed_while_goods_come_in(
    line: Line, staff: Caller, owner: psycopg.Connection[Row]
) -> None:
    product = line.new_product(stock=40)
    with ThreadPoolExecutor(8) as pool:
        moves = [pool.submit(receive, staff, product, 2) for _ in range(20)]
        placed = [pool.submit(line.shopper.place, lines(product, 2)) for _ in range(20)]
        for done in (*moves, *placed):
            done.result()
    assert stock_of(owner, product) == (80, 40)


@pytest.mark.parametrize("quantity", [0, -1, None, 1_000_000_001, -1_000_000_001])
def test_a_quantity_is_in_its_range(
    staff: Caller, new_product: Callable[..., str], quantity: int | None
) -> None:
    product = new_product()
    assert refusal(lambda: receive(staff, product, quantity)) == (422, "invalid_quantity")
    if quantity != -1:
        assert refusal(lambda: adjust(staff, product, quantity)) == (422, "invalid_quantity")


@pytest.mark.parametrize("note", [None, "x" * 501, "a\nb"])
def test_a_note_is_short_text(
    staff: Caller, new_product: Callable[..., str], note: str | None
) -> None:
    product = new_product()
    assert refusal(lambda: receive(staff, product, 1, note=note)) == (422, "invalid_note")
    assert refusal(lambda: adjust(staff, product, 1, note=note)) == (422, "invalid_note")
    assert refusal(lambda: adjust(staff, product, 1, note=" ")) == (422, "invalid_note")


def test_other_requests_that_make_no_sense_are_refused(
    staff: Caller, new_product: Callable[..., str]
) -> None:
    product = new_product()
    keyless = refusal(lambda: receive(staff, product, 1, idempotency_key=None))
    assert keyless == (422, "invalid_idempotency_key")
    unknown = refusal(lambda: receive(staff, str(uuid.uuid4()), 1))
    assert unknown == (404, "product_not_found")
