"""Signed quotes: what is quoted is charged, to whom it was quoted, for what, and for a while."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database.conftest import ADDRESS, Caller, RefusedError, Row
from tests.database.line import Line, lines, stock_of
from tests.database.test_experiments import add_arm, exposures, new_experiment


@pytest.fixture(autouse=True)
def nothing_else_runs(line: Line) -> Iterator[None]:
    """Other tests' experiments are over, and secrets that they set are gone."""
    line.rows("update public.experiments set active = false")
    yield
    line.rows("select private.rotate_quote_secret()")


def quote_of(caller: Caller, items: object, country: str = "DE") -> Row:
    [row] = caller.call("public.quote_order", items=items, country=country)
    quoted: Row = row["quote_order"]
    return quoted


def terms_of(quoted: Row) -> Row:
    content = quoted["quote"].split(".")[0]
    terms: Row = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    return terms


def refusal(caller: Caller, items: object, quote: object, **changed: object) -> tuple[Any, Any]:
    with pytest.raises(RefusedError) as refused:
        caller.place(items, quote=quote, **changed)
    return refused.value.status, refused.value.code


def signed(line: Line, terms: Row) -> str:
    return str(line.one("select private.sign_quote(%s) as quote", Jsonb(terms))["quote"])


def test_a_quote_says_what_it_promises(line: Line) -> None:
    product = line.new_product(price=1200)
    quoted = quote_of(line.shopper, lines(product, 2))
    assert (quoted["country"], quoted["currency"], quoted["total"]) == ("DE", "EUR", 2400)
    [row] = quoted["lines"]
    assert (row["product_id"], row["quantity"], row["unit_price"]) == (product, 2, 1200)
    assert quoted["arms"] == {}
    left = line.one("select %s::timestamptz - now() as left", quoted["expires_at"])["left"]
    assert 14 * 60 < left.total_seconds() <= 15 * 60
    assert stock_of(line.owner, product) == (100, 0)


def test_the_quoted_price_is_charged_though_the_product_costs_more_now(line: Line) -> None:
    product = line.new_product(price=1200)
    quoted = quote_of(line.shopper, lines(product, 2))
    line.rows("update public.products set price = 5000 where id = %s", product)
    line.rows("insert into public.product_prices values (%s, 'DE', 9, 'CHF')", product)
    order = line.shopper.place(
        lines(product, 2), quote=quoted["quote"], currency="EUR", expected_total=2400
    )
    assert (order["total"], order["currency"]) == (2400, "EUR")
    line.step()
    assert line.money(order) == (2400, 0)
    unquoted = line.shopper.place(lines(product, 2))
    assert (unquoted["total"], unquoted["currency"]) == (18, "CHF")


def test_the_first_event_of_an_order_tells_of_its_quote(line: Line) -> None:
    product = line.new_product()
    quoted = quote_of(line.shopper, lines(product))
    order = line.shopper.place(lines(product), quote=quoted["quote"])
    query = "select data from public.order_events where order_id = %s"
    [event] = line.rows(query, order["id"])
    terms = terms_of(quoted)
    assert event["data"] == {"quote": {"id": terms["id"], "country": "DE", "arms": {}}}
    [event] = line.rows(query, line.place()["id"])
    assert event["data"] == {}


TAMPERED: list[Row] = [
    {"user": str(uuid.uuid4())},
    {"country": "US"},
    {"currency": "JPY"},
    {"basket": {}},
    {"prices": {}},
    {"arms": {"some": "arm"}},
    {"expires": 9_999_999_999},
    {"id": str(uuid.uuid4())},
    {"v": 2},
]


@pytest.mark.parametrize("change", TAMPERED, ids=lambda change: next(iter(change)))
def test_a_quote_that_was_changed_is_none(line: Line, change: Row) -> None:
    product = line.new_product()
    quoted = quote_of(line.shopper, lines(product))
    changed = json.dumps(terms_of(quoted) | change).encode()
    content = base64.urlsafe_b64encode(changed).decode().rstrip("=")
    _, _, signature = quoted["quote"].partition(".")
    assert refusal(line.shopper, lines(product), f"{content}.{signature}") == (422, "invalid_quote")
    assert line.shopper.query("select 1 from public.orders") == []


def spoiled(quote: str) -> list[str]:
    content = quote.partition(".")[0]
    last = "A" if quote[-1] != "A" else "B"
    cut = [
        content,
        f"{content}.",
        f"{quote}.",
        f"{quote}=",
        quote[:-1] + last,
        "\u00fc" + quote[1:],
    ]
    return ["", ".", "a.b.c", "x" * 40000, *cut]


def test_what_is_no_quote_is_refused(line: Line) -> None:
    product = line.new_product()
    for text in spoiled(quote_of(line.shopper, lines(product))["quote"]):
        assert refusal(line.shopper, lines(product), text) == (422, "invalid_quote"), text


def test_a_quote_of_another_version_is_refused_though_it_is_signed(line: Line) -> None:
    product = line.new_product()
    terms = terms_of(quote_of(line.shopper, lines(product))) | {"v": 2}
    assert refusal(line.shopper, lines(product), signed(line, terms)) == (422, "invalid_quote")


def test_a_quote_holds_for_its_user_basket_and_country(
    line: Line, new_user: Callable[..., Caller]
) -> None:
    product, other = line.new_product(), line.new_product()
    quote = quote_of(line.shopper, lines(product))["quote"]
    mismatch = (409, "quote_mismatch")
    assert refusal(new_user(), lines(product), quote) == mismatch
    assert refusal(line.shopper, lines(product, 2), quote) == mismatch
    assert refusal(line.shopper, lines(other), quote) == mismatch
    assert refusal(line.shopper, [*lines(product), *lines(other)], quote) == mismatch
    elsewhere = ADDRESS | {"country": "FR"}
    assert refusal(line.shopper, lines(product), quote, shipping_address=elsewhere) == mismatch
    assert line.shopper.place(lines(product), quote=quote)["total"] == 1000


def test_a_quote_expires(line: Line) -> None:
    product = line.new_product()
    terms = terms_of(quote_of(line.shopper, lines(product)))
    now = line.one("select extract(epoch from clock_timestamp())::bigint as now")["now"]
    expired = signed(line, terms | {"expires": now - 1})
    assert refusal(line.shopper, lines(product), expired) == (409, "quote_expired")
    order = line.shopper.place(lines(product), quote=signed(line, terms | {"expires": now + 60}))
    assert order["status"] == "placed"


def test_the_shop_says_how_long_quotes_hold(line: Line) -> None:
    line.set_shop(quote_lifetime="1 hour")
    quoted = quote_of(line.shopper, lines(line.new_product()))
    left = line.one("select %s::timestamptz - now() as left", quoted["expires_at"])["left"]
    assert 59 * 60 < left.total_seconds() <= 60 * 60


def test_an_order_that_is_known_is_answered_though_its_quote_has_expired(line: Line) -> None:
    product, key = line.new_product(), uuid.uuid4()
    quote = quote_of(line.shopper, lines(product))["quote"]
    order = line.shopper.place(lines(product), quote=quote, idempotency_key=key)
    line.rows("select private.rotate_quote_secret()")
    line.rows("select private.rotate_quote_secret()")
    assert refusal(line.shopper, lines(product), quote) == (422, "invalid_quote")
    again = line.shopper.place(lines(product), quote=quote, idempotency_key=key)
    assert again["id"] == order["id"]
    other = (422, "idempotency_key_reused")
    assert refusal(line.shopper, lines(product), None, idempotency_key=key) == other


def test_quotes_survive_one_rotation_of_the_secret(line: Line) -> None:
    product = line.new_product()
    quote = quote_of(line.shopper, lines(product))["quote"]
    line.rows("select private.rotate_quote_secret()")
    assert line.shopper.place(lines(product), quote=quote)["status"] == "placed"
    line.rows("select private.rotate_quote_secret()")
    assert refusal(line.shopper, lines(product), quote) == (422, "invalid_quote")


def test_no_quote_is_signed_or_read_without_a_secret(line: Line) -> None:
    product = line.new_product()
    quote = quote_of(line.shopper, lines(product))["quote"]
    line.rows("delete from vault.secrets where name like 'quote_secret%%'")
    assert refusal(line.shopper, lines(product), quote) == (422, "invalid_quote")
    with pytest.raises(RefusedError, match="no quote_secret"):
        quote_of(line.shopper, lines(product))


def test_what_is_not_on_sale_any_more_is_not_sold_by_quote(line: Line) -> None:
    product = line.new_product()
    quote = quote_of(line.shopper, lines(product))["quote"]
    line.rows("update public.products set active = false where id = %s", product)
    assert refusal(line.shopper, lines(product), quote) == (422, "unknown_product")


@pytest.mark.parametrize("country", [None, "", "de", "DEU", "D1", "\u0394\u0395"])
def test_a_quote_needs_a_country(line: Line, country: str | None) -> None:
    with pytest.raises(RefusedError) as refused:
        line.shopper.call("public.quote_order", items=lines(line.new_product()), country=country)
    assert (refused.value.status, refused.value.code) == (422, "invalid_country")


def test_guests_get_quotes_and_others_none(
    line: Line, engine: Caller, new_user: Callable[..., Caller]
) -> None:
    guest, product = new_user(email=None), line.new_product()
    quote = quote_of(guest, lines(product))["quote"]
    assert guest.place(lines(product), quote=quote, email="g@example.com")["total"] == 1000
    with pytest.raises(RefusedError) as refused:
        quote_of(Caller(guest.url, "anon", {"role": "anon"}), lines(product))
    assert refused.value.status == "42501"
    with pytest.raises(RefusedError) as refused:
        quote_of(engine, lines(product))
    assert (refused.value.status, refused.value.code) == (401, "sign_in_required")


def test_an_arm_may_lower_prices_and_the_quote_pins_it(line: Line) -> None:
    name = new_experiment(line)
    add_arm(line, name, "cheap", 1, 75)
    cheap, odd = line.new_product(price=1000), line.new_product(price=333)
    basket = [*lines(cheap), *lines(odd, 3)]
    quoted = quote_of(line.shopper, basket)
    assert quoted["arms"] == {name: "cheap"}
    assert {row["product_id"]: row["unit_price"] for row in quoted["lines"]} == {
        cheap: 750,
        odd: 250,
    }
    assert quoted["total"] == 1500
    assert len(exposures(line, name)) == 1
    line.rows("update public.experiment_arms set price_percent = 100 where experiment = %s", name)
    line.rows("update public.experiments set active = false where name = %s", name)
    order = line.shopper.place(basket, quote=quoted["quote"])
    assert order["total"] == 1500
    query = "select experiment, arm from private.order_arms where order_id = %s"
    kept = line.rows(query, order["id"])
    assert kept == [{"experiment": name, "arm": "cheap"}]
    assert line.shopper.place(basket)["total"] == 1999, "without a quote, the price is the price"


def test_two_experiments_on_prices_both_count(line: Line) -> None:
    for percent in (50, 90):
        add_arm(line, new_experiment(line), "only", 1, percent)
    assert quote_of(line.shopper, lines(line.new_product(price=1000)))["total"] == 450


def test_a_quote_knows_of_other_experiments_what_its_reader_has_seen(line: Line) -> None:
    name = new_experiment(line, only=1)
    basket = lines(line.new_product())
    assert quote_of(line.shopper, basket)["arms"] == {}
    assert exposures(line, name) == []
    line.call("expose", name, f"user:{line.shopper.id}")
    assert quote_of(line.shopper, basket)["arms"] == {name: "only"}


def test_signatures_are_compared_without_telling_how_far_they_agree(line: Line) -> None:
    query = "select private.same_secret(%s, %s) as same"
    assert line.one(query, "abc", "abc")["same"] is True
    for other in ("abd", "ab", "", "abcd"):
        assert line.one(query, "abc", other)["same"] is False


def test_a_quote_is_good_for_several_orders_while_it_lives(line: Line) -> None:
    product = line.new_product()
    quote = quote_of(line.shopper, lines(product))["quote"]
    placed = {line.shopper.place(lines(product), quote=quote)["id"] for _ in range(2)}
    assert len(placed) == 2


def test_nobody_calls_what_signs(line: Line) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        line.shopper.query("select private.sign_quote('{}')")
