"""Who may call what: generated from the catalogue, so that a new function needs a line here."""

from collections.abc import Callable

import psycopg
import pytest

from tests.database.conftest import Caller, Row
from tests.database.line import Line

# What clients call, and what these verbs and the policies call in their name.
OPEN = {
    "public.place_order", "public.cancel_order", "public.order_feed", "public.order_feed_head",
    "public.ship_order", "public.fail_shipping", "public.deliver_order", "public.refund_order",
    "public.resend_email", "public.dead_letters", "public.retry_dead_letter",
    "public.retry_dead_letters_like", "public.give_up_dead_letter", "public.acknowledge_alarm",
    "public.order_history", "public.quote_order", "public.experiment_results",
    "public.sales_summary", "public.hourly_report",
    "public.create_webhook_endpoint", "public.update_webhook_endpoint",
    "public.rotate_webhook_secret", "public.enable_webhook_endpoint",
    "public.disable_webhook_endpoint", "public.delete_webhook_endpoint",
    "public.redeliver_webhook", "public.redeliver_webhooks", "public.discard_webhook",
    "public.test_webhook_endpoint", "public.replay_webhooks", "public.webhook_event_types",
    "private.create_webhook_endpoint", "private.update_webhook_endpoint",
    "private.rotate_webhook_secret", "private.set_webhook_endpoint",
    "private.delete_webhook_endpoint", "private.redeliver_webhook", "private.redeliver_webhooks",
    "private.discard_webhook", "private.test_webhook_endpoint", "private.replay_webhooks",
    "private.list_webhook_event_types",
    "public.run_job", "public.job_health", "private.run_job", "private.job_health",
    "public.describe_image", "private.describe_image", "private.product_of",
    "public.list_users", "public.get_user", "public.edit_user", "public.end_sessions",
    "public.create_product", "public.update_product",
    "public.receive_stock", "public.adjust_stock", "private.move_stock",
    "private.list_users", "private.get_user", "private.edit_user", "private.end_sessions",
    "private.create_product", "private.update_product",
    "private.is_staff", "private.refuse",
    "private.place_order", "private.cancel_order",
    "private.ship_order", "private.fail_shipping", "private.deliver_order", "private.refund_order",
    "private.resend_email", "private.list_dead_letters", "private.retry_dead_letter",
    "private.retry_dead_letters_like", "private.give_up_dead_letter", "private.acknowledge_alarm",
    "private.order_history", "private.quote_order", "private.experiment_results",
    "private.sales_summary", "private.hourly_report",
    "public.set_default_address", "private.set_default_address",
}  # fmt: skip
ANONYMOUS = {"private.is_staff"}
PLAIN = {"private.is_staff", "private.refuse", "private.product_of"}
ENGINE = {
    "engine.claim_images", "engine.finish_images", "engine.renew_images", "engine.note_object",
    "engine.claim_schedules", "engine.finish_schedules", "engine.renew_schedules",
    "engine.run_task", "engine.start_job", "engine.check_jobs",
    "engine.claim_orders", "engine.finish_orders", "engine.renew_orders",
    "engine.claim_emails", "engine.finish_emails", "engine.renew_emails",
    "engine.claim_analytics", "engine.finish_analytics", "engine.renew_analytics",
    "engine.expose", "engine.product_changes", "engine.read_product", "engine.product_pricing",
    "engine.claim_webhooks", "engine.finish_webhooks", "engine.renew_webhooks",
    "engine.receive_payment_events", "engine.ledger_differences", "engine.payment_books",
    "engine.claim_idempotency_key", "engine.settle_idempotency_key",
    "engine.queue_policy", "engine.queue_depths", "engine.order_progress",
    "engine.report_reconciliation",
    "engine.deliver_events",
}  # fmt: skip

OURS = """
select namespace.nspname || '.' || proname as name, prosecdef as definer, proconfig as config,
  has_function_privilege('anon', pg_proc.oid, 'execute') as anon,
  has_function_privilege('authenticated', pg_proc.oid, 'execute') as authenticated,
  has_function_privilege('service_role', pg_proc.oid, 'execute') as service_role,
  prorettype = 'trigger'::regtype as is_trigger
from pg_proc
join pg_namespace as namespace on namespace.oid = pronamespace
where namespace.nspname in ('public', 'private', 'engine')
"""


@pytest.mark.parametrize(
    ("role", "expected"),
    [("anon", ANONYMOUS), ("authenticated", OPEN), ("service_role", OPEN | ENGINE)],
)
def test_a_role_calls_what_is_meant_for_it_and_nothing_else(
    line: Line, role: str, expected: set[str]
) -> None:
    rows = line.rows(OURS)
    assert {row["name"] for row in rows if row[role] and not row["is_trigger"]} == expected


def test_no_function_looks_up_names_on_a_callers_path(line: Line) -> None:
    """With another path, a temporary table or function of the caller would take part."""
    rows = line.rows(OURS)
    assert len(rows) > 60
    without = [row["name"] for row in rows if 'search_path=""' not in (row["config"] or [])]
    assert without == []


def test_definers_are_the_verbs_the_engine_and_what_triggers_need(line: Line) -> None:
    rows = line.rows(OURS)
    definers = {row["name"] for row in rows if row["definer"] and not row["is_trigger"]}
    bodies = {name for name in OPEN if name.startswith("private.")}
    assert definers == bodies - PLAIN | ENGINE | {"private.wake"}


def test_clients_reach_no_table_beyond_the_public_ones(line: Line) -> None:
    rows = line.rows(
        "select relnamespace::regnamespace || '.' || relname as name from pg_class"
        " cross join (values ('anon'), ('authenticated')) as role (name)"
        " where relnamespace in ('private'::regnamespace, 'engine'::regnamespace,"
        " 'pgmq'::regnamespace, 'cron'::regnamespace, 'vault'::regnamespace)"
        " and relkind in ('r', 'v', 'm', 'p')"
        " and has_schema_privilege(role.name, relnamespace, 'usage')"
        " and has_table_privilege(role.name, pg_class.oid,"
        " 'select, insert, update, delete, truncate')"
    )
    assert {row["name"] for row in rows} <= {"cron.job", "cron.job_run_details"}


def test_every_table_of_ours_has_row_security_on(line: Line) -> None:
    rows = line.rows(
        "select relname from pg_class where not relrowsecurity and relkind in ('r', 'p')"
        " and relnamespace in ('public'::regnamespace, 'private'::regnamespace)"
    )
    assert rows == []


def test_a_hostile_temporary_table_changes_no_verb(
    line: Line, new_user: Callable[..., Caller]
) -> None:
    order = line.place()
    with new_user().connection() as connection:
        connection.execute("create temporary table orders (like public.orders)")
        connection.execute(
            "create function pg_temp.is_staff() returns boolean language sql as 'select true'"
        )
        connection.execute("set local search_path = pg_temp, public")
        with pytest.raises(psycopg.Error, match="no such order"):
            connection.execute("select public.cancel_order(%s)", (order["id"],))
    assert line.status(order) == "placed"


def test_the_policy_of_a_queue_is_what_its_worker_reads(line: Line) -> None:
    [policy] = line.call("queue_policy", "orders")
    assert (policy["attempts"], policy["retry_seconds"]) == (5, [30, 120, 600, 3600])
    assert line.call("queue_policy", "nothing") == []
    line.place()
    line.messages("orders")
    depths: dict[str, Row] = {row["queue"]: row for row in line.call("queue_depths")}
    assert (depths["orders"]["length"], depths["orders"]["dead_letters"]) == (1, 0)
    assert depths["webhooks"]["active"]
