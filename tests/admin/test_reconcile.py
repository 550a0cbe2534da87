"""The books of a running shop and of the Stripe double, compared by the command."""

import json
from typing import Any

import psycopg
import stripe

from tests.admin.conftest import Admin, Orders, Row
from tests.conftest import Stack


def report_of(admin: Admin, *options: str) -> Row:
    """Whatever it has found."""
    result = admin.run("reconcile", "--json", *options)
    assert result.returncode in (0, 1), result.stderr
    report: Row = json.loads(result.stdout)
    assert result.returncode == any(not one["in_progress"] for one in report["differences"])
    return report


def codes_of(report: Row, *orders: Row) -> set[str]:
    ids = {str(order["id"]) for order in orders}
    return {one["code"] for one in report["differences"] if one["order_id"] in ids}


def open_alarm(owner: psycopg.Connection[Row]) -> Row | None:
    return owner.execute(
        "select id, detail from public.alarms where kind = 'ledger' and cleared_at is null"
    ).fetchone()


def charge_again(stack: Stack, order: Row) -> None:
    """At the provider, by hand."""
    environment = stack.environment
    base: Any = {"api": environment["STRIPE_API_BASE"]}
    provider = stripe.StripeClient(environment["STRIPE_API_KEY"], base_addresses=base)
    provider.v1.payment_intents.create(
        {
            "amount": 1250,
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"order_id": str(order["id"]), "idempotency_key": "by hand"},
        }
    )


def test_books_that_agree_and_then_do_not(
    stack: Stack, admin: Admin, orders: Orders, completed: Row, owner: psycopg.Connection[Row]
) -> None:
    refunded, cancelled = orders.place(), orders.place()
    orders.wait_for(refunded, "completed")
    admin.text("orders", "refund", completed["number"], "--reason=x", "--amount=2.50", "--yes")
    admin.text("orders", "refund", refunded["number"], "--reason=x", "--yes")
    orders.wait_for(refunded, "refunded")
    orders.wait_for(cancelled, "completed")
    healthy = report_of(admin, "--no-alarm")
    assert codes_of(healthy, completed, refunded, cancelled) == set()
    assert healthy["payments"] >= 3
    assert healthy["refunds"] >= 2

    charge_again(stack, completed)
    wrong = report_of(admin, "--days=2")
    assert codes_of(wrong, completed) == {"captured_twice"}
    assert codes_of(wrong, refunded, cancelled) == set()
    alarm = open_alarm(owner)
    assert alarm
    assert completed["number"] in alarm["detail"]["order_numbers"]
    result = admin.run("reconcile", "--no-alarm")
    assert result.returncode == 1
    assert "captured_twice" in result.stdout
    assert "12.50 EUR" in result.stdout
    assert "To do: Refund what our ledger does not know" in result.stdout


def test_an_alarm_lasts_until_as_many_days_agree(owner: psycopg.Connection[Row]) -> None:
    def tell(days: int, report: str) -> None:
        owner.execute(f"select engine.report_reconciliation({days}, {report})".encode())

    tell(7, """'{"order_numbers": [1]}'""")
    tell(30, """'{"order_numbers": [2]}'""")
    alarm = open_alarm(owner)
    assert alarm
    assert alarm["detail"] == {"days": 30, "order_numbers": [2]}, "one alarm, with the latest news"
    tell(7, "null")
    assert open_alarm(owner)
    tell(30, "null")
    assert open_alarm(owner) is None
