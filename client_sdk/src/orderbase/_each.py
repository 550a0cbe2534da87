"""All of a long list, with one page of it in memory at a time."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from orderbase._blocking import Blocking
from orderbase._page import Page
from orderbase._portal import Portal

A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")

EACH_TIME = 500
"""Things that are read at a time."""

ReadPage = Callable[[str | None], Coroutine[Any, Any, Page[T]]]
"""Reads the page that begins at a cursor."""


class _Walk(Generic[T]):
    """Once through the list."""

    def __init__(self, read: ReadPage[T]) -> None:
        self._read = read
        self._after: str | None = None
        self._over = False

    async def page(self) -> Page[T] | None:
        """The next page; None behind the last."""
        if self._over:
            return None
        page = await self._read(self._after)
        self._after, self._over = page.next, page.next is None
        return page


class AsyncEach(Generic[T]):
    """Everything in a long list: iterate over it, as often as you like.

    A page is read when it is needed, and forgotten before the next one. What comes or goes
    meanwhile moves nothing: each thing that stays in its place comes once.
    """

    def __init__(self, read: ReadPage[T]) -> None:
        self._read = read

    async def __aiter__(self) -> AsyncIterator[T]:
        walk = _Walk(self._read)
        while (page := await walk.page()) is not None:
            for thing in page:
                yield thing


class Each(Blocking[AsyncEach[T]]):
    """See AsyncEach: the same, and iterating waits."""

    def __init__(self, portal: Portal, asynchronous: AsyncEach[T]) -> None:
        super().__init__(portal, asynchronous)
        self._read = asynchronous._read  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def __iter__(self) -> Iterator[T]:
        walk = _Walk(self._read)
        while (page := self._portal.run(walk.page())) is not None:
            yield from page


def iterating(
    method: Callable[Concatenate[A, P], AsyncEach[T]],
) -> Callable[Concatenate[Blocking[A], P], Each[T]]:
    """The method that gives the same, to be iterated over by code that blocks."""

    @wraps(method)
    def each(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Each[T]:
        portal, asynchronous = self._portal, self._async  # pyright: ignore[reportPrivateUsage] - see above
        return Each(portal, method(asynchronous, *args, **kwargs))

    return each
