"""The blocking client made to look asynchronous, so that both pass the same tests."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from orderbase import FeedEvent, Orderbase, Subscription, Watch
from orderbase._blocking import Blocking

_PARTS = (Blocking, Orderbase, Subscription)
_END = object()
_NAMES = {"aclose": "close"}
_THREADS = ThreadPoolExecutor(64, thread_name_prefix="blocking-client")


async def in_thread(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
    """What blocking code returns."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, lambda: work(*arguments, **options))


class Awaited:
    """A part of the blocking client whose methods are awaited."""

    def __init__(self, blocking: Any) -> None:  # noqa: ANN401 - any part
        self.blocking = blocking

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any member
        member = getattr(self.blocking, _NAMES.get(name, name))
        if callable(member) and not self._waits(name):
            return lambda *arguments, **options: _awaited(member(*arguments, **options))
        return _awaited(member)

    def _waits(self, name: str) -> bool:
        """Whether the method of the asynchronous client is a coroutine."""
        asynchronous = getattr(self.blocking, "_async", None)
        return asynchronous is None or inspect.iscoroutinefunction(getattr(asynchronous, name))

    async def __aiter__(self) -> AsyncIterator[Any]:
        things = iter(self.blocking)
        while (thing := await in_thread(next, things, _END)) is not _END:
            yield thing

    async def __aenter__(self) -> Self:
        await in_thread(self.blocking.__enter__)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_thread(self.blocking.__exit__, kind, error, traceback)


class AwaitedWatch(Awaited):
    """A blocking watch that is iterated over asynchronously."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedEvent:
        event: FeedEvent | None = await in_thread(next, self.blocking, None)
        if event is None:
            raise StopAsyncIteration
        return event


def _awaited(value: Any) -> Any:  # noqa: ANN401 - any member
    if isinstance(value, Watch):
        return AwaitedWatch(value)
    if isinstance(value, _PARTS):
        return Awaited(value)
    return _method(value) if callable(value) else value


def _method(member: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def wait(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any method
        return _awaited(await in_thread(member, *arguments, **options))

    return wait
