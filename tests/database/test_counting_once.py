"""Each event counts exactly once in the read models, whatever becomes of its messages."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import RefusedError, Row
from tests.database.counting import (
    applied,
    claim,
    completed,
    count_all,
    counts,
    difference,
    finish,
    models,
    rebuild,
    refund,
    sales,
)
from tests.database.line import (
    Line,
    charged,
    connected,
    declined,
    lines,
    out_of_stock,
    refunded,
    shipped,
    unshippable,
    wait_until_blocked,
)


@pytest.fixture(autouse=True)
def counted(line: Line) -> None:
    """What other tests have left is in the models, so that only what a test does is new."""
    rebuild(line)


def test_a_worker_that_dies_has_counted_nothing(line: Line) -> None:
    before = models(line)
    line.place()
    assert len(claim(line)) == 1
    assert models(line) == before
    line.come_due("analytics")
    [job] = claim(line)
    assert job["starts"] == 2
    assert finish(line, applied(job)) == ["finished"]
    assert models(line) != before


def test_an_event_is_counted_and_its_message_removed_in_one_transaction(
    line: Line, database: Settings
) -> None:
    before = models(line)
    line.place()
    [job] = claim(line)
    with (
        connected(database.database_url(), "service_role", {}) as crashing,
        crashing.transaction(force_rollback=True),
    ):
        crashing.execute("select engine.finish_analytics(%s)", (Jsonb([applied(job)]),))
    assert (models(line), len(line.messages("analytics"))) == (before, 1)
    assert finish(line, applied(job)) == ["finished"]
    assert finish(line, applied(job)) == ["lost"]
    assert (line.messages("analytics"), models(line) != before) == ([], True)


def test_a_result_of_a_worker_that_was_taken_over_counts_nothing(line: Line) -> None:
    before = counts(line)
    line.place()
    [stale] = claim(line)
    line.come_due("analytics")
    [current] = claim(line)
    assert finish(line, applied(stale), applied(stale)) == ["lost", "lost"]
    assert counts(line) == before
    assert line.call("renew_analytics", [stale]) == [
        {"message_id": stale["message_id"], "status": "lost"}
    ]
    assert finish(line, applied(current)) == ["finished"]
    assert difference(counts(line), before) == {"placed": 1}


def test_a_message_that_comes_twice_counts_once(line: Line) -> None:
    before = counts(line)
    line.place()
    [message] = line.messages("analytics")
    for _ in range(3):
        line.rows("select pgmq.send('analytics', %s)", Jsonb(message["message"]))
    count_all(line)
    line.rows("select pgmq.send('analytics', %s)", Jsonb(message["message"]))
    count_all(line)
    assert difference(counts(line), before) == {"placed": 1}


def test_one_event_that_cannot_be_counted_leaves_its_neighbours_alone(line: Line) -> None:
    before = counts(line)
    order = line.paid()
    line.rows("select private.lock_orders(%s)", [order["id"]])
    line.rows(
        "select private.note_event(%s, 'order.refund_completed', '{\"amount\": \"much\"}')",
        order["id"],
    )
    line.place()
    jobs = claim(line)
    replies = line.call("finish_analytics", [applied(job) for job in jobs])
    wrong = next(job for job in jobs if job["type"] == "order.refund_completed")
    assert {row["message_id"]: row["status"] for row in replies} == {
        job["message_id"]: "error" if job is wrong else "finished" for job in jobs
    }
    assert difference(counts(line), before) == {"placed": 1, "paid": 1}
    assert [row["msg_id"] for row in line.messages("analytics")] == [wrong["message_id"]]
    line.rows("select pgmq.purge_queue('analytics')")
    # Its data is no event's, so that nothing else here has to live with it.
    line.rows("alter table public.order_events disable trigger user")
    line.rows("delete from public.order_events where data ->> 'amount' = 'much'")
    line.rows("alter table public.order_events enable trigger user")


def test_results_of_all_kinds_may_come_together(line: Line) -> None:
    before = counts(line)
    line.place_many(4)
    first, second, third, fourth = claim(line)
    results = [
        applied(first),
        applied(second) | {"outcome": "retry", "error": "none"},
        applied(third) | {"outcome": "perhaps"},
        applied(fourth) | {"outcome": "postponed"},
    ]
    replies = line.call("finish_analytics", results)
    assert {row["message_id"]: row["status"] for row in replies} == {
        first["message_id"]: "finished",
        second["message_id"]: "retried",
        third["message_id"]: "error",
        fourth["message_id"]: "retried",
    }
    assert difference(counts(line), before) == {"placed": 1}
    line.come_due("analytics")
    count_all(line)
    assert difference(counts(line), before) == {"placed": 4}
    assert finish(line) == []


def test_messages_that_nobody_understands_are_put_aside(line: Line) -> None:
    order = line.place()
    weird = [
        {},
        [],
        1,
        None,
        {"type": "order.placed"},
        {"type": "order.placed", "event_id": "1; drop table"},
        {"type": "order.placed", "event_id": 10**17},
        {"type": "order.placed", "event_id": 10**30},
        {"type": "order.paid", "event_id": line.messages("analytics")[0]["message"]["event_id"]},
    ]
    for message in weird:
        line.rows("select pgmq.send('analytics', %s)", Jsonb(message))
    [job] = claim(line)
    assert (job["type"], job["total"]) == ("order.placed", order["total"])
    letters = line.letters()
    assert [letter["message"] for letter in letters] == weird
    assert {(row["queue"], row["reason"]) for row in letters} == {("analytics", "unknown_event")}
    assert len(line.messages("analytics")) == 1


def wander(line: Line, dice: random.Random, orders: list[Row]) -> None:
    """Something happens to some orders."""
    doing = dice.random()
    if doing < 0.4 or not orders:
        orders.append(line.place(dice.randint(1, 3), price=dice.randint(100, 900)))
    elif doing < 0.8:
        line.step(
            charge=dice.choice([charged, charged, declined]),
            ship=dice.choice([shipped, shipped, unshippable, out_of_stock]),
            refund=refunded,
        )
    elif doing < 0.9:
        line.send_mails()
    else:
        attempt(lambda: line.cancel(dice.choice(orders)))
        attempt(lambda: refund(line, dice.choice(orders), dice.choice([None, 50])))


def attempt(act: Callable[[], object]) -> None:
    """It may be too late for that."""
    with contextlib.suppress(RefusedError):
        act()


def mistreat(line: Line, dice: random.Random) -> None:
    """Messages come late, twice, in any order, and to workers that die or answer too late."""
    line.messages("analytics")
    line.rows("select pgmq.send('analytics', message) from pgmq.q_analytics where random() < 0.3")
    line.rows(
        "select pgmq.send('analytics', jsonb_build_object('type', type, 'event_id', id))"
        " from public.order_events order by id desc limit 3"
    )
    jobs = claim(line)
    dice.shuffle(jobs)
    if dice.random() < 0.5:
        line.come_due("analytics")
        jobs += claim(line)
    finish(line, *[applied(job) for job in jobs if dice.random() < 0.6])
    line.come_due("analytics")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_models_are_what_a_rebuild_makes_of_the_events(
    line: Line, seed: int
) -> None:
    dice, orders = random.Random(seed), list[Row]()  # noqa: S311 - repeatable
    before, sold = counts(line), sales(line)
    line.rows("select setseed(%s)", seed / 10)
    line.rows("update private.queues set max_starts = 1000 where name = 'analytics'")
    for turn in range(40):
        wander(line, dice, orders)
        mistreat(line, dice)
        if turn == 20 and seed % 2:
            rebuild(line)
    line.drain(refund=refunded)
    count_all(line)
    line.rows("update private.queues set max_starts = default where name = 'analytics'")
    incremental = models(line)
    assert difference(counts(line), before) == Counter(line.status(order) for order in orders)
    # The ledger of money knows nothing of events.
    money = line.one(
        "select coalesce(sum(captured - refunded), 0)::bigint as net from public.payments"
        " where order_id = any (%s)",
        [order["id"] for order in orders],
    )
    assert sales(line)["net"] - sold["net"] == money["net"] != 0
    rebuild(line)
    assert models(line) == incremental
    by_product = line.rows(
        "select day, currency, sum(amount)::bigint as gross from public.product_sales"
        " group by 1, 2 order by 1, 2"
    )
    assert by_product == [
        {name: row[name] for name in ("day", "currency", "gross")}
        for row in incremental["daily_sales"]
        if row["gross"]
    ]


def test_events_may_be_counted_in_any_order(line: Line) -> None:
    before = counts(line)
    completed(line, price=500)
    for job in sorted(claim(line), key=lambda job: -int(job["message_id"])):
        assert finish(line, applied(job)) == ["finished"]
    assert difference(counts(line), before) == {"completed": 1}


def test_those_who_count_at_the_same_time_never_wait_for_ever(
    line: Line, database: Settings
) -> None:
    """Events of the same days, statuses and products, in batches that cross each other."""
    before = counts(line)
    basket = [line.new_product() for _ in range(6)]
    dice = random.Random(1)  # noqa: S311 - repeatable
    for _ in range(24):
        dice.shuffle(basket)
        line.shopper.place([item for product in basket[:3] for item in lines(product)])
    line.drain()

    def work(_: int) -> None:
        with connected(database.database_url(), "service_role", {}) as functions:
            mine = Line(line.owner, functions, line.shopper, line.staff, line.new_product)
            while jobs := mine.call("claim_analytics", 7, 0):
                assert set(finish(mine, *map(applied, jobs))) == {"finished"}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [None] * 4
    assert difference(counts(line), before) == {"shipped": 24}
    incremental = models(line)
    rebuild(line)
    assert models(line) == incremental


def test_an_event_whose_message_waits_is_counted_by_a_rebuild_and_never_again(line: Line) -> None:
    before = counts(line)
    line.place()
    line.rows("select private.route_events()")
    line.place()
    line.rows("update private.queues set attempts = 1 where name = 'analytics'")
    [job, other] = claim(line)
    finish(line, applied(job) | {"outcome": "broken"})
    line.rows("update private.queues set attempts = 5 where name = 'analytics'")
    rebuild(line)
    assert difference(counts(line), before) == {"placed": 2}
    [letter] = line.letters()
    line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    assert finish(line, applied(other)) == ["finished"]
    count_all(line)
    assert difference(counts(line), before) == {"placed": 2}


def test_a_rebuild_and_those_who_count_wait_for_each_other(line: Line, database: Settings) -> None:
    before = counts(line)
    line.place_many(2)
    first, second = claim(line)
    url = database.database_url()
    with (
        connected(url, "postgres", {}) as rebuilder,
        connected(url, "service_role", {}) as counter,
        ThreadPoolExecutor(2) as pool,
    ):
        with counter.transaction():
            counter.execute("select engine.finish_analytics(%s)", (Jsonb([applied(first)]),))
            rebuilding = pool.submit(
                rebuilder.execute, "begin; select private.rebuild_read_models()"
            )
            wait_until_blocked(line.owner, rebuilder.info.backend_pid)
        rebuilding.result()
        late = pool.submit(
            counter.execute, "select engine.finish_analytics(%s)", (Jsonb([applied(second)]),)
        )
        wait_until_blocked(line.owner, counter.info.backend_pid)
        rebuilder.execute("commit")
        late.result()
    assert difference(counts(line), before) == {"placed": 2}
