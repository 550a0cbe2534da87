"""Group commit: few calls for many submissions, and each gets its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from functions.kit.batching import Batcher
from tests.functions.engine import until


class Call:
    """Doubles numbers as soon as it may; keeps what it was called with."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.missing = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.open.wait()
        if self.error:
            raise self.error
        return [2 * item for item in items][self.missing :]


@pytest.fixture
def call() -> Call:
    return Call()


@pytest.fixture
def batcher(call: Call) -> Batcher[int, int]:
    return Batcher(call)


async def test_one_goes_at_once(call: Call, batcher: Batcher[int, int]) -> None:
    assert await batcher.submit(1) == 2
    assert await batcher.submit(2) == 4
    assert call.batches == [[1], [2]]


async def test_those_that_come_during_a_call_go_together_in_the_next(
    call: Call, batcher: Batcher[int, int]
) -> None:
    call.open.clear()
    first = asyncio.create_task(batcher.submit(0))
    await until(lambda: call.batches == [[0]])
    rest = [asyncio.create_task(batcher.submit(number)) for number in range(1, 50)]
    await asyncio.sleep(0)
    call.open.set()
    assert await asyncio.gather(first, *rest) == [2 * number for number in range(50)]
    assert call.batches == [[0], list(range(1, 50))]


async def test_a_call_holds_a_hundred_at_most(call: Call, batcher: Batcher[int, int]) -> None:
    results = await asyncio.gather(*map(batcher.submit, range(250)))
    assert results == [2 * number for number in range(250)]
    assert [len(batch) for batch in call.batches] == [100, 100, 50]


async def test_an_error_is_for_its_batch_only(call: Call, batcher: Batcher[int, int]) -> None:
    call.error = ValueError("no")
    results = await asyncio.gather(*map(batcher.submit, range(3)), return_exceptions=True)
    assert results == [call.error] * 3
    call.error = None
    assert await batcher.submit(4) == 8


async def test_who_gives_up_waiting_disturbs_nobody(call: Call, batcher: Batcher[int, int]) -> None:
    call.open.clear()
    tasks = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
    await until(lambda: call.batches == [[0, 1, 2]])
    tasks[1].cancel()
    await asyncio.sleep(0)
    call.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert (results[0], results[2]) == (0, 4)
    assert isinstance(results[1], asyncio.CancelledError)


async def test_too_few_results_are_an_error_for_all_and_nobody_waits_for_ever(
    call: Call, batcher: Batcher[int, int]
) -> None:
    call.missing = 1
    async with asyncio.timeout(10):
        results = await asyncio.gather(*map(batcher.submit, range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    call.missing = 0
    assert await batcher.submit(4) == 8
