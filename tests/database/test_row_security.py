from collections.abc import Callable

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.conftest import Caller, Row
from tests.database.line import Line, asks_the_shopper, lines, unshippable

# Who reads what: everyone, their own and staff all, or staff alone.
PUBLIC = {"products", "product_prices", "product_images", "inventory"}
OWN = {
    "orders", "order_items", "order_events", "payments", "refunds", "shipments", "profiles",
    "preferences", "addresses",
}  # fmt: skip
# What people write themselves.
PERSONAL = {"profiles", "preferences", "addresses"}
STAFF = {
    "product_uploads",
    "experiments", "experiment_arms", "experiment_exposures",
    "webhook_endpoints", "webhook_deliveries", "webhook_attempts",
    "stock_movements", "payment_entries", "emails", "alarms", "order_counts", "daily_sales",
    "product_sales", "hourly_metrics", "job_runs", "reports",
}  # fmt: skip

COLUMN = {
    "inventory": "product_id",
    "product_prices": "price",
    "order_items": "name",
    "alarms": "cleared_at",
    "webhook_attempts": "error",
    "experiments": "active",
    "experiment_arms": "weight",
    "experiment_exposures": "arm",
    "order_counts": "orders",
    "daily_sales": "placed",
    "product_sales": "amount",
    "hourly_metrics": "value",
}


def anonymous(database: Settings) -> Caller:
    return Caller(database.database_url(), "anon", {"role": "anon"})


def test_every_public_table_has_a_rule_here_and_row_security_on(
    owner: psycopg.Connection[Row],
) -> None:
    rows = owner.execute(
        "select relname, relrowsecurity from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p')"
    ).fetchall()
    assert {row["relname"] for row in rows} == PUBLIC | OWN | STAFF
    assert all(row["relrowsecurity"] for row in rows)


def test_nobody_reads_anothers_rows(
    database: Settings, new_user: Callable[..., Caller], new_product: Callable[..., str]
) -> None:
    alice, bob, staff = new_user(), new_user(), new_user(role="staff")
    [before] = staff.query("select public.order_feed_head() as head")
    order = alice.place(lines(new_product()))
    for table in sorted(OWN):
        assert bob.query(f"select 1 from public.{table} where user_id <> %s", bob.id) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anonymous(database).query(f"select 1 from public.{table}")
    for table in ("orders", "order_items", "order_events"):
        assert len(alice.query(f"select 1 from public.{table}")) == 1
    assert len(staff.query("select 1 from public.orders where id = %s", order["id"])) == 1
    assert bob.query("select * from public.order_feed()") == []
    assert staff.query(
        "select 1 from public.order_feed(%s) where order_id = %s", before["head"], order["id"]
    )
    for table in sorted(STAFF):
        assert alice.query(f"select 1 from public.{table}") == []
    assert staff.query("select 1 from public.stock_movements") != []


def test_a_role_in_user_metadata_is_no_role(new_user: Callable[..., Caller]) -> None:
    liar = new_user()
    liar.claims["user_metadata"] = {"role": "staff"}
    assert liar.query("select 1 from public.stock_movements") == []


@pytest.mark.parametrize("table", sorted((PUBLIC | OWN | STAFF) - PERSONAL))
def test_clients_write_no_table(
    database: Settings, new_user: Callable[..., Caller], table: str
) -> None:
    for caller in (anonymous(database), new_user(), new_user(role="staff")):
        for statement in (
            f"insert into public.{table} default values",
            f"update public.{table} set {COLUMN.get(table, 'created_at')} = null",
            f"delete from public.{table}",
            f"truncate public.{table}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                caller.query(statement)


def test_people_change_their_own_profile_and_preferences_only(
    new_user: Callable[..., Caller],
) -> None:
    alice, bob = new_user(), new_user()
    alice.query("update public.preferences set newsletter = true")
    alice.query("update public.profiles set display_name = 'A'")
    assert alice.query("select newsletter from public.preferences") == [{"newsletter": True}]
    assert bob.query("select newsletter from public.preferences") == [{"newsletter": False}]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.query("update public.profiles set user_id = %s", bob.id)


def test_erasing_an_account_keeps_its_orders(
    owner: psycopg.Connection[Row], shopper: Caller, new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    owner.execute("delete from auth.users where id = %s", (shopper.id,))
    kept = owner.execute(
        "select user_id from public.order_events where order_id = %s", (order["id"],)
    ).fetchall()
    assert kept == [{"user_id": None}]


def test_nothing_tells_of_a_product_that_is_not_on_sale(
    database: Settings, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product()
    owner.execute("insert into public.product_prices values (%s, 'US', 1, 'USD')", (product,))
    seen = [
        f"select 1 from public.{table} where {column} = %s"
        for table, column in (("inventory", "product_id"), ("product_prices", "product_id"))
    ]
    assert [len(anonymous(database).query(query, product)) for query in seen] == [1, 1]
    owner.execute("update public.products set active = false where id = %s", (product,))
    assert [len(anonymous(database).query(query, product)) for query in seen] == [0, 0]


def test_shoppers_read_all_of_their_order_and_nobody_elses(
    line: Line, database: Settings, new_user: Callable[..., Caller]
) -> None:
    """Money that goes back, a parcel, and the secret by which a payment is confirmed."""
    order, shipped, waiting = line.paid(), line.place(), None
    line.step(ship=unshippable)
    line.step()
    waiting = line.place()
    line.step(charge=asks_the_shopper)
    assert line.status(shipped) == "shipped"
    line.rows("select private.raise_alarm('ledger', 'row security')")
    orders = [str(row["id"]) for row in (order, shipped, waiting)]
    queries = {
        "refunds": "select amount from public.refunds where order_id = any (%s)",
        "shipments": "select carrier from public.shipments where order_id = any (%s)",
        "payments": "select client_secret from public.payments where order_id = any (%s)"
        " and client_secret is not null",
    }
    for query in queries.values():
        assert len(line.shopper.query(query, orders)) == 1
        assert line.shopper.query(query, orders) == line.staff.query(query, orders)
        assert new_user().query(query, orders) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anonymous(database).query(query, orders)
    for query in ("select 1 from public.alarms", "select 1 from public.emails"):
        assert line.shopper.query(query) == []
    assert line.staff.query("select 1 from public.alarms where subject = 'row security'")
    assert line.staff.query("select * from public.dead_letters()") == []
