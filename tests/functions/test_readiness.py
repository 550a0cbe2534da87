"""Readiness: who asks without end makes nobody work without end."""

import asyncio

from functions.kit.readiness import Readiness


class World:
    """A clock, and what is not ready."""

    now = 0.0
    unready: str | None = None
    looks = 0

    async def look(self) -> str | None:
        self.looks += 1
        await asyncio.sleep(0)
        return self.unready


async def test_an_answer_is_shared_for_a_second_and_then_found_anew() -> None:
    world = World()
    readiness = Readiness(world.look, lambda: world.now)
    assert await asyncio.gather(*(readiness.unready() for _ in range(50))) == [None] * 50
    world.unready = "orders"
    world.now += 0.9
    assert await readiness.unready() is None
    assert world.looks == 1
    world.now += 0.2
    assert [await readiness.unready() for _ in range(50)] == ["orders"] * 50
    assert world.looks == 2


async def test_who_gives_up_leaves_the_others_an_answer() -> None:
    world = World()
    readiness = Readiness(world.look, lambda: world.now)
    hasty, patient = (asyncio.create_task(readiness.unready()) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient is None
    assert world.looks == 1
