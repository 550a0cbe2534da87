"""Every event once, in order, however the hints behave."""

import asyncio
import random
from functools import partial
from itertools import pairwise

import pytest

from orderbase import ConnectionFailed, FeedEvent, InvalidRequest, PermissionDenied, RateLimited
from orderbase._feed import PAGE_ROWS, PATIENCE, Follower, Mailbox, Position
from tests.sdk.feed_world import START, World, event_at, events, follow, told_by


def test_positions_sort_by_transaction_then_event() -> None:
    assert Position.parse("9-10") < Position.parse("10-9") < Position.parse("10-10")
    assert str(Position.parse("12-1")) == "12-1"


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "1-2-3", "a-1", "1-1 ", "1" * 21 + "-1"])
def test_anything_else_is_not_a_position(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Position.parse(text)
    assert refusal.value.code == "invalid_position"


async def test_a_hint_brings_the_event_at_once() -> None:
    world = World()
    world.at(3.0, partial(world.commit, world.begin()))
    assert [when for when, _ in await follow(world)] == [3.0]


async def test_without_any_hint_the_timer_finds_the_event() -> None:
    world = World()
    world.at(3.0, partial(world.commit, world.begin(), hinted=False))
    world.at(29.0, partial(world.commit, world.begin(), hinted=False))
    assert [when for when, _ in await follow(world, poll_every=10.0)] == [10.0, 30.0]


async def test_a_hinted_event_is_awaited_until_older_transactions_end() -> None:
    world = World()
    old, young = world.begin(), world.begin()
    world.at(1.0, partial(world.commit, young))
    world.at(1.3, partial(world.commit, old, hinted=False))
    seen = await follow(world)
    assert [position.xid for _, position in seen] == [old, young]
    assert all(1.3 <= when < 1.5 for when, _ in seen)


async def test_progress_renews_the_patience() -> None:
    world = World()
    oldest, old, young = world.begin(), world.begin(), world.begin()
    world.at(1.0, partial(world.commit, young))
    world.at(2.5, partial(world.commit, oldest, hinted=False))
    world.at(3.2, partial(world.commit, old, hinted=False))
    seen = {position.xid: when for when, position in await follow(world)}
    assert 2.5 < seen[oldest] < 3.2 < seen[old] == seen[young] < 3.5


async def test_an_event_that_stays_away_is_not_asked_for_without_end() -> None:
    world = World()
    old, young = world.begin(), world.begin()
    world.at(1.0, partial(world.commit, young))
    world.at(3600.0, partial(world.commit, old))
    assert [position.xid for _, position in await follow(world, poll_every=10.0)] == [old, young]
    assert len(world.reads) < 3600 / 10 + 2 * len(PATIENCE)


async def test_late_and_repeated_hints_cost_nothing() -> None:
    world = World()
    position = Position(1, 1000)
    world.at(1.0, partial(world.commit, world.begin()))
    for second in (2.0, 3.0, 3.0, 4.0):
        world.at(second, partial(world.hint, position))
    assert [seen for _, seen in await follow(world)] == [position]
    assert len(world.reads) <= 3


async def test_a_nudge_looks_once() -> None:
    world = World()
    world.at(1.0, partial(world.commit, world.begin(), hinted=False))
    world.at(2.0, world.nudge)
    assert [when for when, _ in await follow(world)] == [2.0]


async def test_following_starts_after_the_position() -> None:
    world = World()
    for _ in range(3):
        world.commit(world.begin(), events=2)
    everything = [position for _, position in await follow(world)]
    for number, position in enumerate(everything):
        assert [p for _, p in await follow(world, after=position)] == everything[number + 1 :]


async def test_a_long_backlog_is_read_page_by_page_without_pause() -> None:
    world = World()
    world.commit(world.begin(), events=2 * PAGE_ROWS + 1, hinted=False)
    seen = await follow(world)
    assert len({position for _, position in seen}) == 2 * PAGE_ROWS + 1
    assert {when for when, _ in seen} == {0.0}
    assert len(world.reads) == 3


async def test_a_slow_consumer_stops_the_reading() -> None:
    world = World()
    world.commit(world.begin(), events=5 * PAGE_ROWS)
    following = aiter(events(world))
    for _ in range(PAGE_ROWS):
        await anext(following)
    assert len(world.reads) == 1
    await anext(following)
    assert len(world.reads) == 2


async def test_passing_failures_are_waited_out_with_growing_distance() -> None:
    world = World()
    world.commit(world.begin())
    world.troubles = [ConnectionFailed("lost") for _ in range(9)]
    assert len(await follow(world, poll_every=4.0)) == 1
    waits = world.waits[:9]
    assert max(waits) <= 4.0
    assert sum(waits[:3]) < 1.0 < sum(waits[6:])


async def test_a_rate_limit_is_obeyed() -> None:
    world = World()
    world.commit(world.begin())
    world.troubles = [RateLimited("slow", retry_after=42.0)]
    assert [when for when, _ in await follow(world)] == [42.0]


async def test_a_refusal_ends_the_watch() -> None:
    world = World()
    world.troubles = [PermissionDenied("no")]
    with pytest.raises(PermissionDenied):
        await follow(world)


async def test_a_feed_that_repeats_itself_is_not_believed() -> None:
    world = World()
    first, second = event_at(Position(1, 1)), event_at(Position(2, 2))
    answers = iter([[first], [first, second], [second]])

    async def read(_: Position) -> list[FeedEvent]:
        return next(answers)

    world.newest = Position(9, 9)
    following = told_by(Follower(read, world, START, poll_every=1.0, sleep=world.sleep))
    assert [await anext(following), await anext(following)] == [first, second]


@pytest.mark.parametrize("seed", range(40))
async def test_any_disorder_comes_out_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    world = World()
    count = 0
    for _ in range(60):
        xid = world.begin()
        number = chance.randint(0, 3)
        count += number
        hinted = chance.random() < 0.5
        world.at(chance.uniform(0, 60), partial(world.commit, xid, events=number, hinted=hinted))
        world.at(chance.uniform(0, 60), partial(world.hint, Position(xid, xid * 1000)))
        if chance.random() < 0.2:
            world.at(chance.uniform(0, 60), world.nudge)
            world.at(chance.uniform(0, 60), lambda: world.troubles.append(ConnectionFailed("lost")))
    world.at(600.0, lambda: None)  # time for a last look
    seen = [position for _, position in await follow(world)]
    assert seen == sorted(set(seen))
    assert len(seen) == count


async def test_the_mailbox_keeps_only_the_furthest_hint() -> None:
    mailbox = Mailbox()
    for number in range(10_000):
        mailbox.hint(Position(number, number))
    mailbox.hint(Position(1, 1))
    assert mailbox.newest == Position(9999, 9999)
    await asyncio.wait_for(mailbox.wait(Position(9998, 0), 60), 1)


async def test_the_mailbox_wakes_for_news_only() -> None:
    mailbox = Mailbox()
    mailbox.hint(Position(5, 5))
    waiting = asyncio.create_task(mailbox.wait(Position(5, 5), 60))
    await asyncio.sleep(0)
    mailbox.hint(Position(4, 4))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.hint(Position(6, 6))
    await asyncio.wait_for(waiting, 1)


async def test_a_nudge_wakes_the_mailbox_once() -> None:
    mailbox = Mailbox()
    mailbox.nudge()
    await asyncio.wait_for(mailbox.wait(START, 60), 1)
    await mailbox.wait(START, 0)  # would return only by its time-out
    waiting = asyncio.create_task(mailbox.wait(START, 60))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_it_says_stale_while_the_feed_is_out_of_reach() -> None:
    world = World()
    world.commit(world.begin())
    world.at(30.0, partial(world.commit, world.begin()))
    world.at(29.0, lambda: world.troubles.extend(ConnectionFailed("lost") for _ in range(3)))
    told: list[str] = []
    follower = Follower(
        world.read, world, START, poll_every=4.0, sleep=world.sleep, tell=told.append
    )
    await follower.next_page()
    await follower.next_page()
    assert [told[0], *(b for a, b in pairwise(told) if a != b)] == ["live", "stale", "live"]


async def test_a_page_that_was_asked_for_in_vain_comes_next_time() -> None:
    world = World()
    asked = asyncio.Event()

    async def read(position: Position) -> list[FeedEvent]:
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()
        return await world.read(position)

    world.commit(world.begin())
    follower = Follower(read, world, START, poll_every=1.0, sleep=world.sleep)
    vain = asyncio.create_task(follower.next_page())
    await asked.wait()
    vain.cancel()
    await asyncio.wait([vain])
    assert [event.position for event in await follower.next_page()] == ["1-1000"]
