"""Faults that no point of a step can stand for: outages, storms, poison, and what comes late."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import jwt
import pytest

from tests.chaos.breaking import Breakage
from tests.chaos.cases import Case, Scenario, cancel
from tests.chaos.conftest import World
from tests.chaos.shop import ADDRESS, UNREACHABLE_ADDRESS, order_request
from tests.chaos.workers import METRICS_TOKEN, Worker, workers_of
from tests.functions.signing import BODY, headers
from tests.waiting import until

PLAIN = Scenario("completed")
ORDERS_OF_OUTAGE = 20
STORM_ORDERS = 2000
STORM_WAKE_UPS = 200
STORM_SHIPPED = 200
"""When the storm has been looked at for long enough."""
SHIPPED = """
select count(*) from public.orders where total = 0 and status in ('shipped', 'completed')
"""
USUAL = """
update private.queues
set lease_seconds = 60, attempts = 20, max_starts = 100, retry_seconds = '{30,120,600,3600}'
"""
READERS = """
select count(*) from pg_stat_activity
where state = 'active' and query ~ '"claim_(orders|emails)"' and pid <> pg_backend_pid()
"""


@pytest.fixture(autouse=True)
async def usual_policies(world: World) -> AsyncIterator[None]:
    """Policies as they were, and nothing broken: else a test would fail for another's faults."""
    yield
    await world.workers.end_all()
    await world.shop.set_faults()
    await world.sql.run(USUAL)


async def test_an_outage_of_the_provider_cancels_no_good_order(world: World) -> None:
    """A minute of it, and the pauses of the real policy, thirty times faster."""
    await world.sql.run(
        "update private.queues set attempts = 5, lease_seconds = 3, retry_seconds = '{1,4,20,120}'"
    )
    worker = await world.workers.start()
    placed: list[str] = []
    for mode in ("refuse", "error_503", "black_hole"):
        await world.shop.set_faults({"mode": mode, "delay_seconds": 30})
        for _ in range(ORDERS_OF_OUTAGE // 3):
            order = await world.shop.call(
                world.shopper, "place_order", **order_request(world.product)
            )
            placed.append(order["id"])
        await asyncio.sleep(0.7)
    await until(lambda: breaker_has_opened(world))
    assert await statuses(world, placed) == {"placed"}
    await world.shop.set_faults()
    case = Case(world, "charge", "before_call", PLAIN)
    case.order = placed[-1]
    await case.until_rest()
    await worker.quit()
    assert await statuses(world, placed) == {"completed"}
    assert await world.violations(*placed) == []


async def test_a_charge_that_wakes_after_the_cancellation_takes_nothing(world: World) -> None:
    """It slept before its call for longer than its lease: its key is used up by then."""
    case = Case(world, "charge", "before_call", PLAIN)
    await case.place()
    sleeping = await case.start("stop")
    await sleeping.until("stopped")
    await cancel(case)
    await case.leases_run_out()
    awake = await case.start()
    await case.until_rest()
    await sleeping.quit()
    await awake.quit()
    assert await case.status() == "cancelled"
    assert await world.violations(case.order) == []


async def test_a_question_of_the_bank_that_comes_after_the_cancellation_is_withdrawn(
    world: World,
) -> None:
    """The news of the cancellation was read, and dropped, while the charge was in flight."""
    case = Case(world, "charge", "after_call", PLAIN)
    order = await world.shop.call(
        world.shopper,
        "place_order",
        **order_request(world.product, payment_method="pm_card_authenticationRequired"),
    )
    case.order = order["id"]
    asking = await case.start("stop")
    await asking.until("stopped")
    await cancel(case)
    other = await case.start()
    await until(lambda: dropped(world))
    asking.go_on()
    await case.until_rest()
    await asking.quit()
    await other.quit()
    assert await case.status() == "cancelled"
    assert await world.violations(case.order) == []
    url = f"{world.settings.payments_url}/_ledger?order_id={case.order}"
    statuses_of_intents = {intent["status"] for intent in (await world.shop.get(url))["intents"]}
    assert statuses_of_intents == {"canceled"}


async def test_an_effect_longer_than_its_lease_is_kept_by_renewing(
    world: World,
) -> None:
    """Two processes look at the queue all the time, and only one of them charges."""
    await world.sql.run("update private.queues set lease_seconds = 3")
    await world.shop.set_faults({"mode": "slow", "method": "POST", "times": 1, "delay_seconds": 7})
    case = Case(world, "charge", "before_call", PLAIN)
    await case.place()
    async with workers_of(
        world.settings, world.folder, patience=15.0, smtp_url=world.mail.url
    ) as patient:
        workers = [await patient.start(), await patient.start()]
        await case.until_rest()
        for worker in workers:
            await worker.quit()
    starts = await world.sql.value(
        "select starts from private.order_steps where order_id = %s and step = 'charge'",
        case.order,
    )
    assert starts == 1
    assert await world.violations(case.order) == []


async def test_an_order_that_kills_its_workers_is_put_aside(world: World) -> None:
    """Poison: whoever touches it dies. After so many starts a person is called, others go on."""
    await world.sql.run("update private.queues set max_starts = 3")
    case = Case(world, "ship", "before_call", PLAIN)
    await case.place()
    deaths = 0
    while await case.status() != "needs_attention":
        worker = await world.workers.start(Breakage("ship", "before_call", "kill"))
        await until(partial(dead_or_buried, case, worker))
        deaths += worker.has("broken")
        await worker.kill()
        await case.leases_run_out()
    assert deaths == 3
    healthy = Case(world, "ship", "before_call", PLAIN)
    await healthy.place()
    worker = await healthy.start()
    await healthy.until_rest()
    await worker.quit()
    assert await healthy.status() == "completed"
    assert await world.violations(case.order, healthy.order) == []
    assert await retry_dead_letters(world, case) == 1
    worker = await case.start()
    await case.until_rest()
    await worker.quit()
    assert await case.status() == "completed"
    assert await world.violations(case.order) == []


async def test_a_refund_that_never_works_calls_people_who_make_it_work(world: World) -> None:
    """A compensation that fails is never dropped: it is tried, alarmed, and done in the end."""
    await world.sql.run("update private.queues set attempts = 1")  # of three tries
    await world.shop.set_faults({"mode": "error_503", "path": "/v1/refunds"})
    case = Case(
        world, "refund", "before_call", Scenario("shipping_failed", address=UNREACHABLE_ADDRESS)
    )
    await case.place()
    worker = await case.start()
    await case.until_rest()
    assert await case.status() == "needs_attention"
    assert await world.violations(case.order) == []
    await world.shop.set_faults()
    assert await retry_dead_letters(world, case) == 1
    await case.until_rest()
    await worker.quit()
    assert await case.status() == "shipping_failed"
    assert await world.violations(case.order) == []


async def test_a_storm_of_orders_and_wake_ups_is_one_drain(world: World) -> None:
    """2,000 orders in one transaction are one hint, and 200 wake-ups at once no crowd of readers.

    The orders cost nothing, so that the storm is ours alone.
    """
    await world.sql.run(
        """
        insert into public.products (slug, name, price, currency)
        values ('gift', 'Gift', 0, 'EUR')
        """,
        f"""
        insert into public.stock_movements (product_id, kind, on_hand_change, reserved_change)
        select id, 'received', {STORM_ORDERS}, 0 from public.products where slug = 'gift'
        """,
        storm(user_of(world.shopper)),
    )
    worker = await world.workers.start()
    await worker.until("started")
    readers = 0
    async with aiohttp.ClientSession() as http:
        wakes = asyncio.gather(*(wake(world, http) for _ in range(STORM_WAKE_UPS)))
        while await world.sql.value(SHIPPED) < STORM_SHIPPED:
            readers = max(readers, await world.sql.value(READERS))
        assert set(await wakes) == {202}
    assert 1 <= readers <= 2, "one for each of the two queues"
    await worker.kill()


def storm(user: str) -> str:
    """Orders of a user, in one transaction."""
    claims = json.dumps({"sub": user, "role": "authenticated"})
    return f"""
    do $storm$
    begin
      perform set_config('request.jwt.claims', '{claims}', true);
      perform private.place_order(
        jsonb_build_array(jsonb_build_object('product_id', product.id, 'quantity', 1)),
        '{json.dumps(ADDRESS)}', 'pm_card_visa', gen_random_uuid(), null, null, null, null)
      from public.products as product, generate_series(1, {STORM_ORDERS})
      where product.slug = 'gift';
      -- One is ours, and one may be the sweeper's.
      assert (select count(*) from net.http_request_queue where url like '%/orders/wake') <= 2;
    end
    $storm$
    """


def user_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def wake(world: World, http: aiohttp.ClientSession) -> int:
    """Wake the orders function as the database does; the status of the answer."""
    signed = headers(world.settings.keys.webhook_secret, int(time.time()))
    url = f"{world.settings.functions_url}/orders/wake"
    async with http.post(url, data=BODY, headers=signed) as answer:
        return answer.status


async def dead_or_buried(case: Case, worker: Worker) -> bool:
    """Whether the poison has killed the worker, or was kept from it."""
    return not worker.alive or await case.status() == "needs_attention"


async def breaker_has_opened(world: World) -> bool:
    """Whether the provider was left alone for a while."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {METRICS_TOKEN}"}) as http,
        http.get(f"{world.settings.functions_url}/metrics") as answer,
    ):
        text = await answer.text()
    found = re.search(r'orderbase_breaker_opened_total{service="stripe"} (\d+)', text)
    assert found
    return int(found[1]) > 0


async def statuses(world: World, orders: list[str]) -> set[str]:
    """What the orders have come to."""
    rows = await world.sql.rows(
        "select distinct status::text from public.orders where id = any(%s::uuid[])", orders
    )
    return {row["status"] for row in rows}


async def dropped(world: World) -> bool:
    """Whether only the message whose step is in flight is left."""
    return bool(
        await world.sql.value(
            "select (select count(*) from pgmq.q_orders) = 1"
            " and not exists (select from private.outbox)"
        )
    )


async def retry_dead_letters(world: World, case: Case) -> int:
    """Have the staff try again what is dead of an order; how many letters."""
    letters = await world.sql.rows(
        "select id from private.dead_letters where order_id = %s and resolution is null", case.order
    )
    for letter in letters:
        await world.shop.call(world.staff, "retry_dead_letter", dead_letter_id=letter["id"])
    return len(letters)
