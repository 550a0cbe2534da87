"""The address book: one's own, never more than there is room for, and one default."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database.conftest import ADDRESS, Caller, RefusedError, Row
from tests.database.locks import wait_for_a_lock

ADD = "insert into public.addresses (address, label, is_default) values (%s, %s, %s) returning *"
MANY = (
    "insert into public.addresses (address, is_default) select %s, true from generate_series(1, %s)"
)


def add(person: Caller, label: object = "", *, default: bool = False, **changed: object) -> Row:
    try:
        [row] = person.query(ADD, Jsonb(ADDRESS | changed), label, default)
    except psycopg.Error as error:
        raise RefusedError(error) from error
    return row


def defaults(person: Caller) -> list[str]:
    rows = person.query(
        "select label from public.addresses where user_id = %s and is_default", person.id
    )
    return [row["label"] for row in rows]


def test_what_is_kept_can_be_ordered_to(shopper: Caller, new_product: Callable[..., str]) -> None:
    kept = add(shopper, "Home", line2=None)
    assert (kept["user_id"], kept["label"], kept["is_default"]) == (shopper.id, "Home", False)
    assert kept["address"] == ADDRESS
    items = [{"product_id": new_product(), "quantity": 1}]
    assert shopper.place(items, shipping_address=kept["address"])["shipping_address"] == ADDRESS


@pytest.mark.parametrize(
    "wrong",
    [{"city": None}, {"line1": " "}, {"country": "Germany"}, {"name": "a\u202eb"}, {"mood": "x"}],
    ids=str,
)
def test_what_could_not_be_ordered_to_is_not_kept(shopper: Caller, wrong: Row) -> None:
    with pytest.raises(RefusedError) as refusal:
        add(shopper, **wrong)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_address")
    kept = add(shopper)
    with pytest.raises(psycopg.Error, match="address"):
        shopper.query(
            "update public.addresses set address = %s where id = %s",
            Jsonb(ADDRESS | wrong),
            kept["id"],
        )


@pytest.mark.parametrize("label", ["x" * 101, "two\nlines", "a\u200bb", None])
def test_a_label_is_a_short_line(shopper: Caller, label: object) -> None:
    with pytest.raises(RefusedError) as refusal:
        add(shopper, label)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_label")


def test_people_change_and_remove_their_own_only(new_user: Callable[..., Caller]) -> None:
    alice, bob, staff = new_user(), new_user(email=None), new_user(role="staff")
    kept = add(alice, "Home")
    for other in (bob, staff):
        for statement in (
            "update public.addresses set label = 'x' where id = %s returning id",
            "delete from public.addresses where id = %s returning id",
        ):
            assert other.query(statement, kept["id"]) == []
        with pytest.raises(RefusedError) as refusal:
            other.call("public.set_default_address", address_id=kept["id"])
        assert (refusal.value.status, refusal.value.code) == (404, "address_not_found")
    assert len(staff.query("select 1 from public.addresses where id = %s", kept["id"])) == 1
    [changed] = alice.query(
        "update public.addresses set label = 'Mine', address = %s returning *",
        Jsonb(ADDRESS | {"city": "Bonn"}),
    )
    assert (changed["label"], changed["address"]["city"]) == ("Mine", "Bonn")
    assert len(alice.query("delete from public.addresses returning id")) == 1


@pytest.mark.parametrize("column", ["user_id", "id", "created_at", "updated_at"])
def test_nobody_says_whose_an_address_is(shopper: Caller, column: str) -> None:
    add(shopper)
    for statement in (
        f"insert into public.addresses ({column}) select {column} from public.addresses",
        f"update public.addresses set {column} = {column}",
        "update public.addresses set is_default = true",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shopper.query(statement)


def test_a_new_default_takes_the_place_of_the_old(new_user: Callable[..., Caller]) -> None:
    shopper, neighbour = new_user(), new_user()
    add(neighbour, "theirs", default=True)
    home = add(shopper, "home", default=True)
    add(shopper, "work", default=True)
    assert defaults(shopper) == ["work"]
    for _ in range(2):
        [chosen] = shopper.call("public.set_default_address", address_id=home["id"])
        assert (chosen["id"], chosen["is_default"]) == (home["id"], True)
    assert defaults(shopper) == ["home"]
    with pytest.raises(RefusedError):
        shopper.call("public.set_default_address", address_id=uuid.uuid4())
    assert defaults(shopper) == ["home"]
    assert defaults(neighbour) == ["theirs"]


def test_however_many_choose_at_once_one_is_the_default(shopper: Caller) -> None:
    kept = [add(shopper, str(number), default=number == 0) for number in range(4)]

    def choose(number: int) -> None:
        if number % 5:
            shopper.call("public.set_default_address", address_id=kept[number % 4]["id"])
        else:
            add(shopper, "new", default=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(choose, range(40)))
    assert len(defaults(shopper)) == 1


def test_there_is_room_for_fifty_however_they_come(shopper: Caller) -> None:
    shopper.query(MANY, Jsonb(ADDRESS), 45)
    assert len(defaults(shopper)) == 1

    def try_to_add(_: int) -> object:
        try:
            return add(shopper)["user_id"]
        except RefusedError as refusal:
            return (refusal.status, refusal.code)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(try_to_add, range(12)))
    assert answers.count(shopper.id) == 5
    assert answers.count((409, "too_many_addresses")) == 7
    shopper.query("delete from public.addresses")
    with pytest.raises(psycopg.Error, match="room for 50"):
        shopper.query(MANY, Jsonb(ADDRESS), 51)


def test_the_last_place_is_given_once(owner: psycopg.Connection[Row], shopper: Caller) -> None:
    shopper.query(MANY, Jsonb(ADDRESS), 49)
    with ThreadPoolExecutor(1) as pool:
        with shopper.connection() as first:
            first.execute(ADD, (Jsonb(ADDRESS), "last", False))
            second = pool.submit(add, shopper)
            wait_for_a_lock(owner)
        with pytest.raises(RefusedError) as refusal:
            second.result()
    assert refusal.value.code == "too_many_addresses"


def test_the_last_who_chooses_decides(owner: psycopg.Connection[Row], shopper: Caller) -> None:
    kept = [add(shopper, label)["id"] for label in ("home", "work")]
    with ThreadPoolExecutor(1) as pool:
        with shopper.connection() as first:
            first.execute("select public.set_default_address(%s)", (kept[0],))
            second = pool.submit(shopper.call, "public.set_default_address", address_id=kept[1])
            wait_for_a_lock(owner)
        second.result()
    assert defaults(shopper) == ["work"]


def test_erasing_a_person_erases_their_addresses(
    owner: psycopg.Connection[Row], new_user: Callable[..., Caller]
) -> None:
    guest = new_user(email=None)
    kept = add(guest, default=True)
    assert owner.execute("select private.forget_guest(%s) as gone", (guest.id,)).fetchone() == {
        "gone": True
    }
    left = owner.execute("select 1 from public.addresses where id = %s", (kept["id"],)).fetchall()
    assert left == []


def test_who_is_signed_out_chooses_nothing(shopper: Caller) -> None:
    kept = add(shopper)
    shopper.claims["session_id"] = str(uuid.uuid4())
    with pytest.raises(RefusedError) as refusal:
        shopper.call("public.set_default_address", address_id=kept["id"])
    assert refusal.value.code == "sign_in_required"
