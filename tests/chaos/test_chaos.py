"""Many orders under kills, crashes and outages: afterwards every promise holds.

The whole schedule comes from CHAOS_SEED. More of it: make chaos.
"""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from local_stack.testing import running_stack
from tests.chaos.checker import Expected, Violation, violations
from tests.chaos.evidence import Evidence, Inbox, gather
from tests.chaos.history import History
from tests.chaos.nemesis import Nemesis
from tests.chaos.plan import PROCESSES, make_plan
from tests.chaos.shop import Sql, shop_of
from tests.chaos.shoppers import Crowd
from tests.chaos.smtp_proxy import smtp_proxy
from tests.chaos.workers import Workers, workers_of
from tests.products import product_maker

SEED = int(os.environ.get("CHAOS_SEED", "20261126"))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
KILLS = int(os.environ.get("CHAOS_KILLS", "200"))
ORDERS = int(os.environ.get("CHAOS_ORDERS", "500"))
STEP_TIMEOUT = 0.8
STOCK = 100_000
DRAIN_SECONDS = 90
CRASHES = 3

# The same policies with shorter waits: a lease of 3 s for steps of at most 2.7 s, held by renewing.
_POLICIES = (
    """
    update private.queues
    set lease_seconds = 3, retry_seconds = '{1,1,2}', attempts = 20, max_starts = 100
    """,
    "update private.queues set active = true where name = 'analytics'",
    "update private.shop set time_to_confirm = '15 seconds', capture = 'at_once'",
)


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
async def test_every_promise_survives_chaos(seed: int, tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    replay = (
        f"replay: CHAOS_SEED={seed} CHAOS_ROUNDS=1 CHAOS_KILLS={KILLS} CHAOS_ORDERS={ORDERS}"
        " make chaos"
    )
    found = await run(seed, tmp_path, history)
    history.close()
    assert not found, "\n".join([*map(str, found[:50]), f"history: {history.path}", replay])


def test_a_seed_is_a_schedule() -> None:
    assert make_plan(1, orders=50, kills=20) == make_plan(1, orders=50, kills=20)
    assert make_plan(1, orders=50, kills=20) != make_plan(2, orders=50, kills=20)


async def run(seed: int, folder: Path, history: History) -> list[Violation]:
    """One run, and what is wrong after it."""
    plan = make_plan(seed, orders=ORDERS, kills=KILLS)
    with running_stack(without=["functions"]) as settings:
        sql = Sql(settings)
        await sql.run(*_POLICIES)
        product = product_maker(settings)(stock=STOCK)
        async with (
            shop_of(settings) as shop,
            smtp_proxy(settings) as mail,
            workers_of(settings, folder, patience=STEP_TIMEOUT, smtp_url=mail.url) as workers,
        ):
            crowd = Crowd(shop, sql, await shop.staff(), product, history)
            nemesis = Nemesis(plan, shop, sql, mail, workers, history)
            inbox = Inbox(shop)
            reading = asyncio.create_task(inbox.keep_reading())
            tokens = [await shop.sign_up() for _ in plan.shoppers]
            async with asyncio.TaskGroup() as group:
                group.create_task(nemesis.rage())
                for token, orders in zip(tokens, plan.shoppers, strict=True):
                    group.create_task(crowd.order(token, orders))
            left = await drain(sql, crowd, workers)
            reading.cancel()
            evidence = await gather(shop, inbox, workers.parcels)
        expected = Expected(crowd.acknowledged, {product: STOCK})
        found = left + violations(evidence, expected)
        found += [Violation("I3", f"{name} was ordered twice") for name in crowd.doubled]
        summarise(history, evidence, nemesis)
        log = (folder / "workers.log").read_text("utf-8")
        assert "result was refused" not in log, "a passing fault was taken for a refusal"
        assert nemesis.kills == KILLS
        assert nemesis.crashes >= CRASHES
        return found


async def drain(sql: Sql, crowd: Crowd, workers: Workers) -> list[Violation]:
    """Two healthy processes finish what is left, with nothing but the shop's own means."""
    for _ in range(PROCESSES):
        await workers.start()
    await crowd.go_home()
    deadline = time.monotonic() + DRAIN_SECONDS
    while busy := await sql.value(
        "select (select count(*) from private.outbox) + (select count(*) from pgmq.q_orders)"
        " + (select count(*) from pgmq.q_emails) + (select count(*) from public.orders"
        " where status in ('placed', 'paid', 'shipped') or status <> 'needs_attention'"
        " and ending is not null)"
    ):
        if time.monotonic() > deadline:
            return [Violation("I3", f"{busy} things are in progress after {DRAIN_SECONDS} s")]
        await sql.run("select private.expire_reservations()")
        await asyncio.sleep(0.3)
    return []


def summarise(history: History, evidence: Evidence, nemesis: Nemesis) -> None:
    """What there was, for those who wonder whether anything was shown."""
    history.write(
        "summary",
        orders=Counter(order["status"] for order in evidence.rows["orders"]),
        mails=Counter(mail["status"] for mail in evidence.rows["emails"]),
        kills=nemesis.kills,
        at_boundaries=nemesis.kills_at_boundaries,
        pauses=nemesis.pauses,
        crashes=nemesis.crashes,
        repayments=len(evidence.repayments),
    )
