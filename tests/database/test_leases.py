"""Who may work on a step: one at a time, and only as long as nobody took it over."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.conftest import Caller
from tests.database.line import (
    Line,
    charged,
    connected,
    declined,
    holding,
    postponed,
    sent,
    shipped,
    timed_out,
    unshippable,
    wait_until_blocked,
    waits,
)


def test_every_delivery_of_a_step_has_the_same_key_and_a_new_fence(line: Line) -> None:
    line.place()
    [first] = line.claim()
    assert line.claim() == []
    line.come_due()
    [second] = line.claim()
    assert (second["key"], second["starts"]) == (first["key"], first["starts"] + 1)


def test_a_worker_whose_lease_was_taken_over_changes_nothing(line: Line) -> None:
    order = line.place()
    [stale] = line.claim()
    line.come_due()
    [current] = line.claim()
    for late in (declined, charged, timed_out, postponed, waits):
        assert line.finish(late(stale)) == ["lost"]
    assert (line.status(order), line.step_of(order, "charge")["failures"]) == ("placed", 0)
    assert line.finish(charged(current)) == ["finished"]
    assert line.finish(charged(current)) == ["lost"]
    assert (line.status(order), line.money(order)) == ("paid", (1000, 0))


def test_a_result_that_is_said_twice_counts_once(line: Line) -> None:
    """The reply to `finish` was lost, so the worker says it again."""
    order = line.place()
    [job] = line.claim()
    assert line.finish(timed_out(job), timed_out(job)) == ["retried", "lost"]
    assert line.finish(timed_out(job)) == ["lost"]
    assert line.finish(charged(job)) == ["lost"]
    assert line.renew(job) == ["lost"]
    assert line.step_of(order, "charge")["failures"] == 1
    [message] = line.messages("orders")
    assert message["due"] > 20


def test_a_result_under_another_orders_name_is_lost(line: Line) -> None:
    order, other = line.place(), line.place()
    jobs = {job["order_id"]: job for job in line.claim()}
    job = jobs[str(order["id"])]
    assert line.finish(charged(job) | {"order_id": str(other["id"])}) == ["lost"]
    assert (line.status(order), line.status(other)) == ("placed", "placed")


def test_a_second_message_of_an_order_does_not_start_a_step_that_is_held(line: Line) -> None:
    order = line.place()
    [job] = line.claim()
    line.rows("select private.look_again(%s)", order["id"])
    assert line.claim() == []
    [message] = line.messages("orders")
    assert message["msg_id"] == job["message_id"]
    assert line.finish(charged(job)) == ["finished"]


def test_an_order_that_comes_twice_in_a_batch_starts_once(line: Line) -> None:
    order = line.place()
    for _ in range(3):
        line.rows("select private.look_again(%s)", order["id"])
    [job] = line.claim()
    assert (job["starts"], len(line.messages("orders"))) == (1, 1)


def test_another_message_takes_a_step_over_whose_lease_ran_out(line: Line) -> None:
    order = line.place()
    [stale] = line.claim()
    line.rows("select private.look_again(%s)", order["id"])
    line.expire_leases()
    line.rows(
        "update pgmq.q_orders set vt = clock_timestamp() + interval '1 minute' where msg_id = %s",
        stale["message_id"],
    )
    [current] = line.claim()
    assert (current["starts"], current["key"]) == (2, stale["key"])
    assert current["message_id"] != stale["message_id"]
    assert line.finish(declined(stale)) == ["lost"]
    assert line.finish(charged(current)) == ["finished"]
    assert line.status(order) == "paid"


def test_a_claim_passes_by_an_order_that_somebody_holds(line: Line, database: Settings) -> None:
    held, free = line.place(), line.place()
    line.rows("set statement_timeout = '5s'")
    with holding(database, held):
        [job] = line.claim()
        assert job["order_id"] == str(free["id"])
        dues = {m["message"]["order_id"]: m["due"] for m in line.messages("orders")}
        assert dues[str(held["id"])] <= 1
        line.come_due()
        assert [job["order_id"] for job in line.claim()] == [str(free["id"])]
    line.come_due()
    assert str(held["id"]) in {job["order_id"] for job in line.claim()}
    assert line.step_of(held, "charge")["starts"] == 1


def test_a_mail_that_refers_to_an_order_does_not_hold_it(line: Line, database: Settings) -> None:
    order = line.paid()
    assert len(line.messages("orders")) == 1
    with connected(database.database_url(), "service_role", {"role": "service_role"}) as mailer:
        with mailer.transaction():
            [row] = mailer.execute("select engine.claim_emails() as mail").fetchall()
            assert row["mail"]["template"] == "order_confirmation"
            [job] = line.claim()
        assert job["order_id"] == str(order["id"])
        assert line.finish(shipped(job)) == ["finished"]


def test_holding_on_keeps_a_step(line: Line) -> None:
    order = line.place()
    [job] = line.claim()
    line.expire_leases()
    assert line.renew(job) == ["renewed"]
    assert line.claim() == []
    [message] = line.messages("orders")
    assert message["due"] > 50
    line.rows("select private.look_again(%s)", order["id"])
    assert line.claim() == []
    assert line.finish(charged(job)) == ["finished"]


def test_holding_on_is_too_late_for_a_worker_that_lost_its_step(line: Line) -> None:
    line.place()
    [stale] = line.claim()
    line.come_due()
    [current] = line.claim()
    assert line.renew(stale, current) == ["lost", "renewed"]
    line.finish(charged(current))
    assert line.renew(current) == ["lost"]


def test_holding_on_to_an_order_that_somebody_looks_at_loses_nothing(
    line: Line, database: Settings
) -> None:
    """A worker that hears `lost` lets go of a call that is on its way."""
    order = line.place()
    [job] = line.claim()
    with holding(database, order):
        assert line.renew(job) == ["busy"]
    assert line.renew(job) == ["renewed"]


def test_a_late_result_and_a_new_claim_never_wait_for_each_other_for_ever(
    line: Line, database: Settings
) -> None:
    """The result holds the order and wants the message; the claim holds the message."""
    order = line.place()
    [stale] = line.claim()
    line.come_due()
    service = {"role": "service_role"}
    with (
        connected(database.database_url(), "service_role", service) as claimer,
        connected(database.database_url(), "service_role", service) as finisher,
        holding(database, order) as holder,
    ):
        late = Line(line.owner, finisher, line.shopper, line.staff, line.new_product)
        finishing = Thread(target=late.finish, args=(charged(stale),))
        finishing.start()
        wait_until_blocked(line.owner, finisher.info.backend_pid)
        with claimer.transaction():
            claimer.execute("set local lock_timeout = '5s'")
            assert claimer.execute("select engine.claim_orders()").fetchall() == []
            holder.rollback()
        finishing.join()
    assert line.status(order) == "paid"


@pytest.mark.parametrize("queue", ["orders", "emails"])
def test_workers_that_take_over_from_each_other_do_no_work_twice_and_never_stop(
    line: Line, database: Settings, queue: str
) -> None:
    """Every lease runs out at once: four workers claim and finish what others hold."""
    product = line.new_product()
    orders = [line.place(1, product) for _ in range(6)]
    line.step() if queue == "emails" else None
    service = {"role": "service_role"}
    troubles: list[str] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable
        with connected(database.database_url(), "service_role", service) as connection:
            worker = Line(connection, connection, line.shopper, line.staff, line.new_product)
            for _ in range(15):
                try:
                    if queue == "orders":
                        jobs = worker.claim(dice.randint(1, 6))
                        dice.shuffle(jobs)
                        worker.finish(*[charged(j) for j in jobs if j["step"] == "charge"])
                    else:
                        mails = worker.claim_mails()
                        dice.shuffle(mails)
                        worker.finish_mails(*[sent(mail) for mail in mails])
                except psycopg.Error as error:
                    troubles.append(str(error))

    line.rows("update private.queues set max_starts = 1000 where name = %s", queue)
    try:
        with ThreadPoolExecutor(5) as pool:
            workers = [pool.submit(work, seed) for seed in range(4)]
            while not all(worker.done() for worker in workers):
                line.come_due(queue)
            for worker in workers:
                worker.result()
    finally:
        line.rows("update private.queues set max_starts = default where name = %s", queue)
    assert troubles == []
    assert [line.money(order) for order in orders] == [(1000, 0)] * 6
    deadlocks = line.one("select deadlocks from pg_stat_database where datname = 'postgres'")
    assert deadlocks["deadlocks"] == 0


def test_a_late_mail_result_and_a_new_claim_never_wait_for_each_other_for_ever(
    line: Line, database: Settings
) -> None:
    line.paid()
    [stale] = line.claim_mails()
    line.come_due("emails")
    service = {"role": "service_role"}
    with (
        connected(database.database_url(), "service_role", service) as claimer,
        connected(database.database_url(), "service_role", service) as finisher,
        ThreadPoolExecutor(1) as pool,
    ):
        late = Line(line.owner, finisher, line.shopper, line.staff, line.new_product)
        with claimer.transaction():
            # As a claim does it: the message first, then its mail.
            claimer.execute("reset role")
            claimer.execute("select * from pgmq.read('emails', 30, 1)")
            finishing = pool.submit(late.finish_mails, sent(stale))
            wait_until_blocked(line.owner, finisher.info.backend_pid)
            claimer.execute("set local lock_timeout = '5s'")
            claimer.execute(
                "update public.emails set claims = claims + 1 where id = %s", (stale["email_id"],)
            )
        assert finishing.result() == ["lost"]


def test_a_refund_that_comes_between_does_not_swallow_the_shipment(line: Line) -> None:
    """One message for each step, and both see the refund: it has precedence."""
    order = line.paid()
    line.staff.call(
        "public.refund_order",
        order_id=order["id"],
        amount=300,
        reason="a scratch",
        idempotency_key="8b3c3d0e-0000-4000-8000-000000000001",
    )
    line.drain()
    assert (line.status(order), line.money(order)) == ("shipped", (1000, 300))


def test_a_shipment_that_fails_during_a_refund_gives_back_what_is_left(line: Line) -> None:
    order = line.paid()
    [ship] = line.claim()
    line.staff.call(
        "public.refund_order",
        order_id=order["id"],
        amount=300,
        reason="a scratch",
        idempotency_key="8b3c3d0e-0000-4000-8000-000000000002",
    )
    assert line.finish(unshippable(ship)) == ["finished"]
    line.drain()
    assert (line.status(order), line.money(order)) == ("shipping_failed", (1000, 1000))
    amounts = line.rows(
        "select amount from public.refunds where order_id = %s order by revision", order["id"]
    )
    assert [row["amount"] for row in amounts] == [300, 700]


def test_only_the_service_role_reaches_the_engine(shopper: Caller) -> None:
    for statement in (
        "select engine.claim_emails()",
        "select engine.claim_orders()",
        "select pgmq.read('orders', 1, 1)",
        "select * from pgmq.q_orders",
        "select * from private.dead_letters",
        "select * from private.outbox",
        "select private.move_order(gen_random_uuid(), 'completed')",
        "select private.secret('webhook_secret')",
        "select private.wake('orders')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shopper.query(statement)
