"""What tells caches of an edit: the changes themselves, and the hint that there are some."""

from collections.abc import Iterator

import psycopg
import pytest

from functions.api.product_cache import CHANGES
from tests.database.conftest import Row
from tests.database.line import Line

FUNCTIONS = "http://127.0.0.1:1"
PRICE = "update public.products set price = price + 1 where id = %s"


@pytest.fixture
def functions(line: Line) -> Iterator[None]:
    """The database knows where the functions are, and nobody answers there."""
    line.rows("select private.set_secret('functions_url', %s)", FUNCTIONS)
    line.rows("select private.set_secret('webhook_secret', 'whsec_test')")
    yield
    line.rows("delete from vault.secrets where name in ('functions_url', 'webhook_secret')")


def hints(line: Line) -> list[Row]:
    """Those since the last look."""
    rows = line.rows("delete from net.http_request_queue returning url, headers, body")
    return [row for row in rows if row["url"].startswith(f"{FUNCTIONS}/api/")]


def changes(line: Line, position: str | None = None) -> Row:
    [row] = line.call("product_changes", position)
    return row


@pytest.mark.usefixtures("functions")
def test_a_transaction_that_edits_products_sends_one_signed_hint(line: Line) -> None:
    products = [line.new_product() for _ in range(3)]
    assert hints(line) == [], "nobody has asked for a product that was not there"
    with line.owner.transaction():
        for product in products:
            line.rows(PRICE, product)
            line.rows("insert into public.product_prices values (%s, 'US', 1, 'USD')", product)
    [hint] = hints(line)
    assert hint["url"] == f"{FUNCTIONS}/api/{CHANGES}"
    headers, body = hint["headers"], bytes(hint["body"]).decode()
    signed = line.one(
        "select private.sign_webhook(%s, %s, %s, 'whsec_test') as signature",
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        body,
    )
    assert headers["webhook-signature"] == signed["signature"]
    line.rows(PRICE, products[0])
    line.rows("delete from public.product_prices where product_id = %s", products[0])
    assert len(hints(line)) == 2


@pytest.mark.usefixtures("functions")
def test_a_hint_that_cannot_be_sent_fails_no_edit(line: Line) -> None:
    product = line.new_product()
    line.rows("select private.set_secret('functions_url', 'ftp://nobody')")
    line.rows(PRICE, product)
    line.rows("select private.set_secret('functions_url', %s)", FUNCTIONS)
    line.rows("delete from vault.secrets where name = 'webhook_secret'")
    line.rows(PRICE, product)
    assert line.one("select price from public.products where id = %s", product)["price"] == 1002


def test_changes_are_told_once_and_by_product(line: Line) -> None:
    product, other = line.new_product(), line.new_product()
    start = changes(line)
    assert start["all"] is True
    line.rows(PRICE, product)
    line.rows(PRICE, product)
    told = changes(line, start["position"])
    assert (told["all"], told["product_ids"]) == (False, [product])
    assert changes(line, told["position"])["product_ids"] == []
    line.rows("insert into public.product_prices values (%s, 'US', 1, 'USD')", product)
    line.rows("update public.product_prices set product_id = %s where product_id = %s",
              other, product)  # fmt: skip
    assert changes(line, told["position"])["product_ids"] == sorted([product, other])


def test_a_product_that_is_deleted_has_changed(line: Line) -> None:
    product = line.new_product(stock=0)
    position = changes(line)["position"]
    line.rows("delete from public.products where id = %s", product)
    assert changes(line, position)["product_ids"] == [product]


def test_after_too_many_changes_anything_may_have_changed(line: Line) -> None:
    product = line.new_product()
    position = changes(line)["position"]
    many = "insert into private.product_changes (product_id) select %s from generate_series(1, %s)"
    line.rows(many, product, 1000)
    assert changes(line, position)["product_ids"] == [product]
    line.rows(many, product, 1)
    told = changes(line, position)
    assert (told["all"], told["product_ids"]) == (True, [])


def test_emptying_a_table_changes_everything(line: Line) -> None:
    position = changes(line)["position"]
    with line.owner.transaction(force_rollback=True):
        line.rows("truncate public.product_prices")
        assert changes_of_owner(line.owner, position)["all"] is True
    assert changes(line, position)["all"] is False


def changes_of_owner(owner: psycopg.Connection[Row], position: str) -> Row:
    """As the transaction itself sees it."""
    query = "select engine.product_changes(%s) as told"
    [row] = owner.execute(query, (position,)).fetchall()
    told: Row = row["told"]
    return told


def test_changes_are_forgotten_after_a_day(line: Line) -> None:
    line.new_product()
    line.rows("update private.product_changes set changed_at = now() - interval '25 hours'")
    line.new_product()
    line.rows("select private.forget_product_changes()")
    assert line.one("select count(*) as left from private.product_changes")["left"] == 1
