"""The product cache, in memory and in a real Redis: what is answered, and what never is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from functions.api.product_cache import STALE_SECONDS, Cached, Found, ProductCache
from functions.api.product_entries import Entries, OwnEntries
from functions.api.product_view import render
from functions.api.shared_entries import SharedEntries
from functions.kit.database import DatabaseUnavailable
from functions.kit.webhooks import Webhook, WebhookRefused
from tests.api.catalogue import Catalogue
from tests.api.redis_server import RedisServer, redis_server
from tests.functions.engine import WEBHOOK_SECRET
from tests.functions.signing import BODY, headers
from tests.waiting import until

FRESH = 300.0
FOREVER = 3600.0
PATIENCE = 60.0
SECRET = SecretStr(WEBHOOK_SECRET)
HIT, MISS, STALE = Cached.HIT, Cached.MISS, Cached.STALE


@dataclass
class World:
    """A catalogue, a clock, and where its products are cached."""

    catalogue: Catalogue
    make_entries: Callable[[], Entries]
    now: float = 1_800_000_000.0

    def cache(self, check_seconds: float = FOREVER, fresh_seconds: float = FRESH) -> ProductCache:
        """A process."""
        return ProductCache(
            self.catalogue.database,
            self.make_entries(),
            fresh_seconds=fresh_seconds,
            check_seconds=check_seconds,
            clock=lambda: self.now,
        )

    def reads(self) -> int:
        return self.catalogue.calls["read_product"]

    def checks(self) -> int:
        return self.catalogue.calls["product_changes"]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(
        server.url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    ) as client:
        await client.flushall()
        yield client


@pytest.fixture(autouse=True)
def nobody_is_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no outage."""
    monkeypatch.setattr("functions.api.product_cache._PATIENCE_SECONDS", PATIENCE)


@pytest.fixture(params=["own", "shared"])
async def world(request: pytest.FixtureRequest, redis: Redis) -> World:
    """Each test runs on both kinds of cache."""
    if request.param == "own":
        return World(Catalogue(), lambda: OwnEntries(100))
    return World(Catalogue(), lambda: SharedEntries(redis, FRESH + STALE_SECONDS))


@pytest.fixture
def shared(redis: Redis) -> World:
    """Several processes over one Redis."""
    return World(Catalogue(), lambda: SharedEntries(redis, FRESH + STALE_SECONDS))


def told(found: Found) -> tuple[Cached, int | None]:
    return found.cached, found.entry.product["price"] if found.entry else None


async def test_the_first_read_is_a_miss_and_later_ones_are_hits(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add(price=7)
    assert told(await cache.find(product)) == (MISS, 7)
    world.now += FRESH - 1
    found = await cache.find(product)
    assert (told(found), found.age) == ((HIT, 7), FRESH - 1)
    assert (world.reads(), world.checks()) == (1, 1)


async def test_what_is_too_old_is_answered_stale_and_read_anew_once(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add()
    await cache.find(product)
    world.now += FRESH
    gate = world.catalogue.held["read_product"] = asyncio.Event()
    found = [await cache.find(product) for _ in range(5)]
    assert {one.cached for one in found} == {STALE}
    gate.set()

    async def is_fresh() -> bool:
        return (await cache.find(product)).cached is HIT

    await until(is_fresh)
    assert world.reads() == 2


async def test_what_is_much_too_old_is_read_before_it_is_answered(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add()
    await cache.find(product)
    world.now += FRESH + STALE_SECONDS
    assert told(await cache.find(product)) == (MISS, 1)
    assert world.reads() == 2


async def test_a_hundred_misses_at_once_are_one_read(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add()
    gate = world.catalogue.held["read_product"] = asyncio.Event()
    waiting = 0

    async def admit() -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 100:
            gate.set()

    async with asyncio.timeout(PATIENCE):
        found = await asyncio.gather(*(cache.find(product, admit=admit) for _ in range(100)))
    assert {told(one) for one in found} == {(MISS, 1)}
    assert (world.reads(), world.checks()) == (1, 1)


async def test_who_gives_up_waiting_does_not_end_the_read_for_others(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add()
    gate = world.catalogue.held["read_product"] = asyncio.Event()
    impatient = asyncio.create_task(cache.find(product))
    patient = asyncio.create_task(cache.find(product))

    async def is_reading() -> bool:
        return world.reads() == 1

    await until(is_reading)
    impatient.cancel()
    gate.set()
    assert told(await patient) == (MISS, 1)


async def test_an_edit_is_seen_once_the_changes_are_asked_for_again(world: World) -> None:
    cache, product, other = world.cache(0), world.catalogue.add(price=1), world.catalogue.add()
    await cache.find(product)
    await cache.find(other)
    world.catalogue.edit(product, price=2)
    assert told(await cache.find(product)) == (MISS, 2)
    assert told(await cache.find(product)) == (HIT, 2)
    assert (await cache.find(other)).cached is HIT, "exactly what changed is forgotten"


async def test_who_insists_gets_nothing_older_than_the_call(world: World) -> None:
    cache, product = world.cache(FOREVER), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.edit(product, price=2)
    assert told(await cache.find(product)) == (HIT, 1), "for as long as nobody asks for changes"
    assert told(await cache.find(product, insists=True)) == (MISS, 2)
    assert told(await cache.find(product, insists=True)) == (HIT, 2)


async def test_a_signed_hint_makes_an_edit_seen_at_once(world: World) -> None:
    cache, product = world.cache(FOREVER), world.catalogue.add(price=1)
    webhook = Webhook(SECRET)
    await cache.find(product)
    world.catalogue.edit(product, price=2)
    now = int(time.time())
    with pytest.raises(WebhookRefused):
        await cache.hear(webhook, headers("whsec_of_somebody_else_0123", now), BODY)
    assert told(await cache.find(product)) == (HIT, 1)
    await cache.hear(webhook, headers(WEBHOOK_SECRET, now), BODY)
    assert told(await cache.find(product)) == (MISS, 2)


async def test_a_read_from_before_an_edit_is_not_kept_after_it(world: World) -> None:
    """The race of every cache: read, edit, forget, keep."""
    cache, product = world.cache(FOREVER), world.catalogue.add(price=1)
    await cache.find(world.catalogue.add())
    gate = world.catalogue.held["read_product"] = asyncio.Event()
    slow = asyncio.create_task(cache.find(product))

    async def has_read() -> bool:
        return world.reads() == 2

    await until(has_read)
    world.catalogue.edit(product, price=2)
    del world.catalogue.held["read_product"]
    newer = await cache.find(product, insists=True)
    assert told(newer) == (MISS, 2), "it did not join the read from before"
    gate.set()
    assert told(await slow) == (MISS, 1)
    assert told(await cache.find(product)) == (HIT, 2)


async def test_an_edit_while_the_changes_are_on_their_way_is_told_next(world: World) -> None:
    cache, product = world.cache(FOREVER), world.catalogue.add(price=1)
    await cache.find(product)
    gate = world.catalogue.held["product_changes"] = asyncio.Event()
    earlier = asyncio.create_task(cache.find(product, insists=True))

    async def has_asked() -> bool:
        return world.checks() == 2

    await until(has_asked)
    world.catalogue.edit(product, price=2)
    later = asyncio.create_task(cache.find(product, insists=True))
    await asyncio.sleep(0)
    gate.set()
    assert (await earlier).entry is not None
    assert told(await later) == (MISS, 2)


async def test_one_question_about_changes_is_for_all_who_wait(world: World) -> None:
    cache, product = world.cache(FOREVER), world.catalogue.add()
    await cache.find(product)
    await asyncio.gather(*(cache.find(product, insists=True) for _ in range(50)))
    assert world.checks() <= 10


async def test_when_anything_may_have_changed_everything_is_read_anew(world: World) -> None:
    cache, product = world.cache(0), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.knows_all = False
    world.catalogue.edit(product, price=2)
    assert told(await cache.find(product)) == (MISS, 2)


async def test_that_a_product_does_not_exist_is_cached_until_anything_changes(
    world: World,
) -> None:
    cache, product = world.cache(0), world.catalogue.add()
    world.catalogue.remove(product)
    assert told(await cache.find(product)) == (MISS, None)
    assert told(await cache.find(product)) == (HIT, None)
    assert world.reads() == 1
    world.catalogue.edit(product, price=3)
    assert told(await cache.find(product)) == (MISS, 3)
    world.catalogue.remove(product)
    assert told(await cache.find(product)) == (MISS, None)


async def test_ids_that_nobody_has_do_not_push_products_out(world: World) -> None:
    cache, product = world.cache(), world.catalogue.add()
    await cache.find(product)
    for number in range(300):
        await cache.find(f"00000000-0000-4000-8000-{number:012}")
    assert (await cache.find(product)).cached is HIT


async def test_the_last_known_is_answered_while_the_database_is_down(world: World) -> None:
    cache, product = world.cache(0), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.is_down = True
    assert told(await cache.find(product)) == (STALE, 1)
    with pytest.raises(DatabaseUnavailable):
        await cache.find(product, insists=True)
    with pytest.raises(DatabaseUnavailable):
        await cache.find(world.catalogue.add())
    world.now += FRESH + STALE_SECONDS
    with pytest.raises(DatabaseUnavailable):
        await cache.find(product)


async def test_who_makes_the_database_read_must_be_admitted(world: World) -> None:
    class RefusedError(Exception):
        pass

    async def refuse() -> None:
        raise RefusedError

    cache, product = world.cache(), world.catalogue.add()
    with pytest.raises(RefusedError):
        await cache.find(product, admit=refuse)
    assert world.reads() == 0
    await cache.find(product)
    assert (await cache.find(product, admit=refuse)).cached is HIT


async def test_a_cache_that_is_off_reads_every_time(world: World) -> None:
    cache, product = world.cache(fresh_seconds=0), world.catalogue.add()
    assert [told(await cache.find(product)) for _ in range(3)] == [(MISS, 1)] * 3
    assert (world.reads(), world.checks()) == (3, 0)


async def test_what_is_unused_for_longest_makes_room() -> None:
    world = World(Catalogue(), lambda: OwnEntries(2))
    cache = world.cache()
    first, second, third = (world.catalogue.add() for _ in range(3))
    for product in (first, second, first, third):
        await cache.find(product)
    found = [(await cache.find(product)).cached for product in (first, third, second)]
    assert found == [HIT, HIT, MISS]


async def test_what_takes_too_much_memory_makes_room() -> None:
    catalogue = Catalogue()
    first, second, third = (catalogue.add() for _ in range(3))
    one = (await World(catalogue, lambda: OwnEntries(1)).cache().find(first)).entry
    assert one
    cache = World(catalogue, lambda: OwnEntries(100, most_bytes=one.size * 5 // 2)).cache()
    for product in (first, second, first, third):
        await cache.find(product)
    found = [(await cache.find(product)).cached for product in (first, third, second)]
    assert found == [HIT, HIT, MISS]
    for price in range(2, 10):
        catalogue.edit(second, price)
        assert told(await cache.find(second, insists=True)) == (MISS, price)
    assert (await cache.find(third)).cached is HIT, "what was forgotten takes nothing"


async def test_bodies_are_kept_of_few_markets() -> None:
    world = World(Catalogue(), lambda: OwnEntries(1))
    entry = (await world.cache().find(world.catalogue.add())).entry
    assert entry
    markets = [first + second for first in "ABC" for second in "ABC"]
    entry.product["prices"].update({market: {"price": 5} for market in markets})
    bodies = {market: render(entry, market) for market in markets}
    assert list(entry.rendered) == markets[-4:]
    assert {market: render(entry, market) for market in markets} == bodies


async def test_time_between_questions_is_that_of_the_setting() -> None:
    now = 0.0
    world = World(Catalogue(), lambda: OwnEntries(2, clock=lambda: now))
    cache, product = world.cache(check_seconds=1), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.edit(product, price=2)
    now = 0.9
    assert told(await cache.find(product)) == (HIT, 1)
    now = 1.1
    assert told(await cache.find(product)) == (MISS, 2)


async def test_a_clock_that_is_set_back_hides_no_edit() -> None:
    now = 1000.0
    world = World(Catalogue(), lambda: OwnEntries(2, clock=lambda: now))
    cache, product = world.cache(check_seconds=1), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.edit(product, price=2)
    now = 900.0
    assert told(await cache.find(product)) == (MISS, 2)


def test_time_while_the_process_is_frozen_counts() -> None:
    """A monotonic clock may stand still meanwhile."""
    assert OwnEntries(2)._clock is time.time


async def test_an_editor_sees_their_edit_and_no_outage(world: World) -> None:
    cache, product = world.cache(FOREVER), world.catalogue.add(price=1)
    await cache.find(product)
    world.catalogue.edit(product, price=2)
    await cache.refresh()
    assert told(await cache.find(product)) == (MISS, 2)
    world.catalogue.is_down = True
    await cache.refresh()


async def test_processes_share_what_they_read_and_what_they_forget(shared: World) -> None:
    one, other, product = shared.cache(), shared.cache(), shared.catalogue.add(price=1)
    assert told(await one.find(product)) == (MISS, 1)
    assert told(await other.find(product)) == (HIT, 1)
    shared.catalogue.edit(product, price=2)
    assert told(await one.find(product, insists=True)) == (MISS, 2)
    assert told(await other.find(product)) == (HIT, 2)
    assert shared.checks() == 2, "what one has asked, the other need not"


async def test_a_read_of_another_process_from_before_an_edit_is_not_kept(shared: World) -> None:
    one, other, product = shared.cache(), shared.cache(), shared.catalogue.add(price=1)
    await one.find(shared.catalogue.add())
    gate = shared.catalogue.held["read_product"] = asyncio.Event()
    slow = asyncio.create_task(one.find(product))

    async def has_read() -> bool:
        return shared.reads() == 2

    await until(has_read)
    shared.catalogue.edit(product, price=2)
    del shared.catalogue.held["read_product"]
    # The other process forgets before the first one keeps what it has read.
    await other.find(shared.catalogue.add(), insists=True)
    gate.set()
    assert told(await slow) == (MISS, 1)
    assert told(await other.find(product)) == (MISS, 2)


async def test_edits_while_no_process_ran_are_seen_by_the_next(shared: World) -> None:
    product = shared.catalogue.add(price=1)
    await shared.cache(check_seconds=0).find(product)
    shared.catalogue.edit(product, price=2)
    assert told(await shared.cache(check_seconds=0).find(product)) == (MISS, 2)


async def test_entries_of_a_lost_state_do_not_count(shared: World, redis: Redis) -> None:
    """Redis may throw away any key when it is full."""
    cache, product = shared.cache(0), shared.catalogue.add(price=1)
    await cache.find(product)
    await redis.delete("orderbase:products:state")
    shared.catalogue.edit(product, price=2)
    assert told(await cache.find(product)) == (MISS, 2)


@pytest.mark.parametrize("junk", [b"", b"junk", b"\xff", b"{}", b"[]", b'{"epoch": 1}', b"a|b"])
async def test_what_others_write_into_redis_does_no_harm(
    shared: World, redis: Redis, junk: bytes
) -> None:
    cache, product = shared.cache(0), shared.catalogue.add(price=1)
    for key in (product, "state"):
        await cache.find(product)
        await redis.set(f"orderbase:products:{key}", junk)
        assert told(await cache.find(product)) == (MISS, 1)


async def test_entries_leave_redis_by_themselves(shared: World, redis: Redis) -> None:
    product = shared.catalogue.add()
    await shared.cache().find(product)
    kept = await redis.get(f"orderbase:products:{product}")
    assert json.loads(kept or b"")["product"]["id"] == product
    left = await redis.ttl(f"orderbase:products:{product}")
    assert FRESH < left <= FRESH + STALE_SECONDS


async def test_without_redis_products_are_read_from_the_database(tmp_path: Path) -> None:
    catalogue = Catalogue()
    async with redis_server(tmp_path) as server:
        client = Redis.from_url(server.url, socket_timeout=1, socket_connect_timeout=1)
        world = World(catalogue, lambda: SharedEntries(client, FRESH))
        cache, product = world.cache(), catalogue.add(price=1)
        await cache.find(product)
        await server.stop()
        catalogue.edit(product, price=2)
        assert [told(await cache.find(product)) for _ in range(3)] == [(MISS, 2)] * 3
        await cache.hear(Webhook(SECRET), headers(WEBHOOK_SECRET, int(time.time())), BODY)
        await client.aclose()
