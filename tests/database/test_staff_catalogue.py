"""The catalogue as staff edit it: what the verbs themselves refuse, whoever calls."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.locks import wait_for_a_lock

US = {"country": "US", "price": 5, "currency": "USD"}


def product(**changed: object) -> Row:
    slug = f"test-{uuid.uuid4().hex}"
    return {"slug": slug, "name": "Cup", "price": 1200, "currency": "EUR"} | changed


WRONG: list[Row] = [
    {"slug": "Not A Slug"}, {"slug": None}, {"slug": 7}, {"slug": "a\n"}, {"slug": "a" * 201},
    {"name": ""}, {"name": "x" * 201}, {"name": "a\nb"}, {"name": None},
    {"description": None}, {"description": "x" * 10_001}, {"description": ["x"]},
    {"price": -1}, {"price": 1.5}, {"price": "5"}, {"price": None}, {"price": 10**12 + 1},
    {"currency": "eur"}, {"currency": None}, {"currency": 7}, {"active": None}, {"active": "t"},
    {"id": str(uuid.uuid4())}, {"version": 7}, {"created_at": "2020-01-01"}, {"search": "x"},
    {"prices": None}, {"prices": {}}, {"prices": ["US"]}, {"prices": [US, US]},
    {"prices": [US | {"country": "us"}]}, {"prices": [US | {"price": None}]},
    {"prices": [US | {"more": 1}]}, {"prices": [{"country": "US", "price": 5}]},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_field_is_named(
    engine: Caller, new_product: Callable[..., str], wrong: Row
) -> None:
    for verb, arguments in (
        ("create_product", {"product": product(**wrong)}),
        ("update_product", {"product_id": new_product(), "changes": wrong}),
    ):
        with pytest.raises(RefusedError) as refused:
            engine.call(verb, **arguments)
        assert (refused.value.status, refused.value.code) == (422, "invalid_product")
        assert refused.value.context == {"field": next(iter(wrong))}


@pytest.mark.parametrize("name", ["slug", "name", "price", "currency"])
def test_a_product_lacks_nothing(engine: Caller, name: str) -> None:
    incomplete = {field: value for field, value in product().items() if field != name}
    with pytest.raises(RefusedError) as refused:
        engine.call("create_product", product=incomplete)
    assert refused.value.code == "invalid_product"


def test_an_edit_changes_what_it_names_and_the_version(
    engine: Caller, owner: psycopg.Connection[Row]
) -> None:
    [answer] = engine.call("create_product", product=product(description="x", prices=[US]))
    made = answer["create_product"]
    assert made["prices"] == [US]
    change = {"product_id": made["id"], "changes": {"price": 7}}
    [answer] = engine.call("update_product", **change, versions="{1}")
    edited = answer["update_product"]
    unchanged = ("slug", "name", "description", "currency", "active", "prices")
    assert {name: edited[name] for name in unchanged} == {name: made[name] for name in unchanged}
    assert (edited["price"], edited["version"]) == (7, 2)
    for stale in ("{1}", "{}", '{"2 "}'):
        with pytest.raises(RefusedError) as refused:
            engine.call("update_product", **change, versions=stale)
        assert (refused.value.status, refused.value.context) == (412, {"version": 2})
    prices = owner.execute(
        "select country, price, currency from public.product_prices where product_id = %s",
        (made["id"],),
    ).fetchall()
    assert prices == [US]


def test_the_version_counts_whoever_edits(
    engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    wanted = new_product()
    owner.execute("update public.products set price = 1, version = 1 where id = %s", (wanted,))
    with pytest.raises(RefusedError) as refused:
        engine.call("update_product", product_id=wanted, changes={"price": 2}, versions="{1}")
    assert refused.value.context == {"version": 2}


def test_of_two_who_edit_the_same_version_the_later_one_is_refused(
    engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    edit = "select public.update_product(%s, %s, '{1}')"
    wanted = new_product()

    def later() -> None:
        engine.query(edit, wanted, '{"price": 2}')

    with ThreadPoolExecutor(1) as pool:
        with engine.connection() as first:
            first.execute(edit.encode(), (wanted, '{"price": 1}'))
            waiting = pool.submit(later)
            wait_for_a_lock(owner)
        with pytest.raises(psycopg.Error, match="has changed since you looked"):
            waiting.result(10)
