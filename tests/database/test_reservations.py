"""Stock is reserved while the shopper confirms a payment at the bank, and not for ever."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import (
    Answer,
    Line,
    asks_the_shopper,
    charged,
    connected,
    declined,
    forestalled,
    holding,
    payment_news,
    timed_out,
    wait_until_blocked,
)


def test_what_is_not_confirmed_in_time_is_given_up(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=asks_the_shopper)
    line.run_out(order)
    giving_up = line.order(order)
    assert (giving_up["status"], giving_up["ending"]) == ("placed", "payment_failed")
    assert line.stock(product) == (5, 2)
    [job] = line.claim()
    assert (job["step"], job["cancelling"], job["reference"]) == (
        "charge", True, f"pi_{order['id']}",
    )  # fmt: skip
    line.finish(forestalled(job))
    ended = line.order(order)
    assert (ended["status"], ended["failure_code"]) == ("payment_failed", "payment_expired")
    assert (line.stock(product), line.claim()) == ((5, 0), [])
    payment = line.one("select status from public.payments where order_id = %s", order["id"])
    assert payment["status"] == "canceled"
    assert line.events(order) == [
        "placed", "payment_action_required", "confirmation_expired", "payment_failed",
    ]  # fmt: skip


def test_a_payment_that_had_happened_wins(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=asks_the_shopper)
    line.run_out(order)
    line.step(charge=charged)
    paid = line.order(order)
    assert (paid["status"], paid["ending"], paid["failure_code"]) == ("paid", None, None)
    assert (line.stock(product), paid["reserved_until"]) == ((5, 2), None)
    line.drain()
    assert (line.status(order), line.money(order)) == ("shipped", (2000, 0))


def test_the_clock_gives_up_only_what_has_run_out(line: Line) -> None:
    waiting, placed, paid = line.waiting_for_bank(), line.place(), line.paid()
    retried = line.place()
    line.step(charge=timed_out, ship=timed_out)
    cancelled = line.waiting_for_bank()
    line.cancel(cancelled)
    before = [line.order(order) for order in (waiting, placed, paid, retried, cancelled)]
    line.rows("select private.expire_reservations()")
    for order in (placed, paid, retried, cancelled):
        line.run_out(order)
    after = [line.order(order) for order in (waiting, placed, paid, retried, cancelled)]
    assert [row["version"] for row in after] == [row["version"] for row in before]
    assert [row["ending"] for row in after] == [None, None, None, None, "cancelled"]


def test_a_payment_that_comes_while_the_clock_waits_for_the_order_wins(
    line: Line, database: Settings
) -> None:
    order = line.waiting_for_bank()
    line.rows("select private.look_again(%s)", order["id"])
    [job] = line.claim()
    line.rows(
        "update public.orders set reserved_until = now() - interval '1 second' where id = %s",
        order["id"],
    )
    with (
        ThreadPoolExecutor(1) as pool,
        connected(database.database_url(), "postgres", {}) as clock,
        holding(database, order) as payer,
    ):
        running_out = pool.submit(clock.execute, "select private.expire_reservations() as many")
        wait_until_blocked(line.owner, clock.info.backend_pid)
        payer.execute("select engine.finish_orders(%s)", (Jsonb([charged(job)]),))
        payer.commit()
        assert running_out.result().fetchall() == [{"many": 0}]
    assert (line.status(order), line.order(order)["ending"]) == ("paid", None)


def test_running_out_is_noticed_once(line: Line) -> None:
    order = line.waiting_for_bank()
    for _ in range(3):
        line.run_out(order)
    assert line.events(order).count("confirmation_expired") == 1
    assert len(line.messages("orders")) == 1


@pytest.mark.parametrize(("answer", "status"), [(charged, "paid"), (forestalled, "payment_failed")])
def test_running_out_while_the_bank_is_asked_is_settled_afterwards(
    line: Line, answer: Answer, status: str
) -> None:
    """The worker saw the payment still waiting; by then the message of the clock is gone."""
    order = line.waiting_for_bank()
    line.rows("select private.look_again(%s)", order["id"])
    [job] = line.claim()
    line.run_out(order)
    assert line.claim() == []
    line.finish(asks_the_shopper(job))
    [again] = line.claim()
    assert again["cancelling"]
    line.finish(answer(again))
    assert line.status(order) == status


def test_the_shops_wish_says_how_long(line: Line) -> None:
    line.set_shop(time_to_confirm="5 minutes")
    order = line.waiting_for_bank()
    left = line.one(
        "select extract(epoch from reserved_until - now())::float as left from public.orders"
        " where id = %s",
        order["id"],
    )
    assert 280 < left["left"] <= 300


class Bank:
    """Where each payment happens or is called off, whichever comes first."""

    def __init__(self) -> None:
        self.truth: dict[str, str] = {}

    def pay(self, order: Row) -> bool:
        return self.truth.setdefault(str(order["id"]), "paid") == "paid"

    def ask(self, job: Row) -> Row:
        """What a worker hears; who wants to call it off, tries to."""
        if job["cancelling"]:
            self.truth.setdefault(job["order_id"], "called off")
        known = self.truth.get(job["order_id"], "waiting")
        answers = {"called off": forestalled, "paid": charged, "waiting": asks_the_shopper}
        return answers[known](job)

    def settle(self, worker: Line, wanted: int) -> list[Row]:
        """Bring charges to an end; other steps are left alone."""
        jobs = [job for job in worker.claim(wanted) if job["step"] == "charge"]
        worker.finish(*[self.ask(job) for job in jobs])
        return jobs


def ask_often(line: Line, bank: Bank) -> None:
    with line.another_worker() as worker:
        for _ in range(40):
            bank.settle(worker, 9)


def run_out_all(line: Line, orders: list[Row]) -> None:
    with connected(line.shopper.url, "postgres", {}) as clock:
        for order in orders:
            clock.execute(
                "update public.orders set reserved_until = now() - interval '1 second'"
                " where id = %s and reserved_until is not null",
                (order["id"],),
            )
            clock.execute("select private.expire_reservations()")


def pay_all(line: Line, bank: Bank, orders: list[Row]) -> None:
    with line.another_worker() as worker:
        for order in orders:
            if bank.pay(order):
                worker.receive(payment_news(order, "succeeded"))


def test_expiry_and_payment_at_any_moment_have_one_winner(line: Line) -> None:
    """The clock, the bank's news and two workers meet on 60 orders."""
    orders, bank = line.place_many(60), Bank()
    line.drain(charge=asks_the_shopper)
    dice = random.Random(7)  # noqa: S311 - repeatable
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(ask_often, line, bank) for _ in range(2)]
        parts += [
            pool.submit(run_out_all, line, dice.sample(orders, 60)),
            pool.submit(pay_all, line, bank, orders[::2]),
        ]
        for part in parts:
            part.result()
    line.expire_leases()
    while bank.settle(line, 100):
        pass
    ends = {"paid": ("paid", 1000), "called off": ("payment_failed", 0)}
    assert set(bank.truth.values()) == set(ends)
    for order in orders:
        end = ends[bank.truth[str(order["id"])]]
        assert (line.status(order), line.money(order)[0]) == end


def test_a_shopper_whose_payment_was_refused_at_last_is_told(line: Line) -> None:
    order = line.waiting_for_bank()
    line.send_mails()
    line.rows("select private.look_again(%s)", order["id"])
    line.step(charge=declined)
    assert line.send_mails() == ["payment_problem"]
    assert line.order(order)["failure_code"] == "card_declined"
