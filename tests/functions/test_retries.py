"""Trying again: how often, after which pauses, and when not."""

from collections.abc import Awaitable, Callable

import pytest

from functions.kit.retries import Retry


class Service:
    """Answers as scripted, and keeps the pauses in between."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.pauses: list[float] = []
        self.events: list[str] = []

    async def attempt(self) -> str:
        self.events.append("attempt")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.events.append("pause")
        self.pauses.append(seconds)

    async def tried(self, retry: Retry, random: Callable[[], float] = lambda: 0.5) -> str:
        return await retry.run(
            self.attempt, lambda answer: answer == "busy", sleep=self.sleep, random=random
        )


async def test_a_result_that_is_good_is_the_only_attempt() -> None:
    service = Service("done")
    assert await service.tried(Retry()) == "done"
    assert service.events == ["attempt"]


async def test_it_pauses_between_attempts_and_stops_at_the_first_good_one() -> None:
    service = Service("busy", "done", "never")
    assert await service.tried(Retry()) == "done"
    assert service.events == ["attempt", "pause", "attempt"]


async def test_the_last_result_stands_and_no_pause_follows_it() -> None:
    service = Service("busy", "busy", "busy", "never")
    assert await service.tried(Retry()) == "busy"
    assert service.events == ["attempt", "pause", "attempt", "pause", "attempt"]
    assert service.pauses == [2.0, 4.0]


@pytest.mark.parametrize("attempts", [1, 0])
async def test_there_is_always_one_attempt(attempts: int) -> None:
    service = Service("busy", "never")
    assert await service.tried(Retry(attempts)) == "busy"
    assert service.events == ["attempt"]


async def test_pauses_grow_by_the_factor() -> None:
    service = Service(*["busy"] * 5)
    await service.tried(Retry(attempts=5, first=0.5, factor=3))
    assert service.pauses == [0.5, 1.5, 4.5, 13.5]


@pytest.mark.parametrize(
    ("random", "pauses"), [(0.0, [1.6, 3.2]), (0.5, [2.0, 4.0]), (1.0, [2.4, 4.8])]
)
async def test_jitter_is_a_share_either_way(random: float, pauses: list[float]) -> None:
    service = Service(*["busy"] * 3)
    await service.tried(Retry(), lambda: random)
    assert service.pauses == pytest.approx(pauses)


async def test_every_pause_has_a_jitter_of_its_own() -> None:
    service = Service(*["busy"] * 3)
    numbers = iter([0.0, 1.0])
    await service.tried(Retry(), lambda: next(numbers))
    assert service.pauses == pytest.approx([1.6, 4.8])


async def test_an_error_is_not_tried_again() -> None:
    service = Service("busy", ValueError("broken"), "never")
    with pytest.raises(ValueError, match="broken"):
        await service.tried(Retry())
    assert service.events == ["attempt", "pause", "attempt"]


async def test_an_interrupted_pause_ends_it() -> None:
    service = Service("busy", "never")

    async def interrupted(_seconds: float) -> None:
        raise TimeoutError

    def run(sleep: Callable[[float], Awaitable[None]]) -> Awaitable[str]:
        return Retry().run(service.attempt, lambda _: True, sleep=sleep)

    with pytest.raises(TimeoutError):
        await run(interrupted)
    assert service.events == ["attempt"]


async def test_it_needs_no_arguments_to_sleep_for_real() -> None:
    service = Service("busy", "done")
    retry = Retry(first=0.0)
    assert await retry.run(service.attempt, lambda answer: answer == "busy") == "done"
